"""`{% parent %}`: what the template below put into this block.

The variable `block.super` renders as well, but a variable that fails to resolve renders as nothing:
one missing name deep inside left a whole page empty, with status 200. A tag lets it through.
"""

from django import template
from django.template import Context
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def parent(context: Context) -> SafeString:
    """Render the block as the extended template has it. Raises what its rendering raises."""
    made: SafeString = context["block"].super()
    return made
