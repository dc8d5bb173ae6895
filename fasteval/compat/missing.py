"""What stands for a name that cannot do its work: it refuses when it is called, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from fasteval.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["distribution_of", "import_or_refuse", "refuse"]

#: Distributions whose name differs from that of the package they bring.
_DISTRIBUTIONS = {
    "azure": "azure-identity",
    "antlr4": "antlr4-python3-runtime==4.11",
    "Levenshtein": "python-Levenshtein",
    "PIL": "pillow",
    "bleurt_pytorch": "bleurt-pytorch",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google": "google-genai",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def distribution_of(package: str) -> str:
    """Returns what `pip install` calls the package that is imported as `package`."""
    top = package.partition(".")[0]
    return _DISTRIBUTIONS.get(top, top)


def import_or_refuse(package: str, what: str) -> Any:
    """Returns the imported package.

    Raises:
        UnsupportedError: it is not installed; names what needs it and the command that installs it.
    """
    import importlib

    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        name = error.name or package
        raise UnsupportedError(
            f"{what} needs the package '{name.partition('.')[0]}': pip install {distribution_of(name)}"
        ) from error


def refuse(what: str, reason: str) -> Callable[..., NoReturn]:
    """Returns a function that takes anything and raises `UnsupportedError` with both texts."""

    def refused(*_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError(f"{what} is not supported in foreign task folders: {reason}")

    return refused
