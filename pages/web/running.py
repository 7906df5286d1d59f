"""The product as this web process runs it: started once, used by pages and routes alike."""

from __future__ import annotations

import gc
import os
import threading
from functools import lru_cache

from tracker import product
from tracker.product import Product

_LOCK = threading.Lock()


def the_product() -> Product:
    """The running product; BadConfiguration when it cannot start."""
    with _LOCK:
        return _started()


@lru_cache(maxsize=1)
def settle() -> None:
    """Leave what was loaded for the first page out of every later search for garbage, which stops everybody.

    Some 290,000 objects, a tenth of a second each time (Streamlit 1.67, two cores, 2026-11).
    """
    gc.collect()
    gc.freeze()


@lru_cache(maxsize=1)
def _started() -> Product:
    return product.start(os.environ, role="web")
