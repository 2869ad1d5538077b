"""What the console looks like: django-unfold's settings.

Loaded with the settings: what needs models or URLs is named by its dotted path.
"""

from django.templatetags.static import static
from django.urls import reverse

UNFOLD: dict[str, object] = {
    "SITE_TITLE": "AtlasPay",
    "SITE_HEADER": "AtlasPay",
    "SITE_SUBHEADER": "Payouts console",
    "SITE_URL": None,
    "SITE_SYMBOL": "currency_exchange",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("console/favicon.svg"),
        }
    ],
    "ENVIRONMENT": "compliance.admin.menu.environment",
    "ENVIRONMENT_TITLE_PREFIX": "compliance.admin.menu.title_prefix",
    "DASHBOARD_CALLBACK": "compliance.admin.home.home",
    "STYLES": [
        lambda request: static("console/console.css"),
        lambda request: static("console/review.css"),
        lambda request: static("console/policies.css"),
        lambda request: static("console/figures.css"),
    ],
    "SCRIPTS": [
        lambda request: static("console/frame.js"),
        lambda request: static("console/keys.js"),
        lambda request: static("console/queue.js"),
        lambda request: static("console/case.js"),
        lambda request: static("console/policies.js"),
        lambda request: static("console/figures.js"),
    ],
    "ACCOUNT": {
        "navigation": [
            {
                "title": "Your second factor",
                "link": lambda request: reverse("admin:second_factor"),
            },
            {
                "title": "Change password",
                "link": lambda request: reverse("admin:password_change"),
            },
        ]
    },
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .014 230)",
            "100": "oklch(94% .03 230)",
            "200": "oklch(89% .06 232)",
            "300": "oklch(81% .1 235)",
            "400": "oklch(71% .14 240)",
            "500": "oklch(62% .16 246)",
            "600": "oklch(53% .16 250)",
            "700": "oklch(46% .14 252)",
            "800": "oklch(40% .115 254)",
            "900": "oklch(34% .09 256)",
            "950": "oklch(27% .07 258)",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "compliance.admin.menu.navigation",
    },
}
