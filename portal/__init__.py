"""The portal: the pages of `/portal/`, where partners help themselves. Stands above all rooms."""
