"""The product as this web process runs it: started once, used by pages and routes alike."""

from __future__ import annotations

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
def _started() -> Product:
    return product.start(os.environ, role="web")
