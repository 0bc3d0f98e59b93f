"""Methods by name. Importing it makes the methods known that only a renderer can follow to the end."""

from whichway.analysis.paths import attention_interpolation as attention_interpolation
from whichway.analysis.paths import geodesic as geodesic
