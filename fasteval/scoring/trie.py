"""`ContinuationTrie`: the continuations of one context, each common beginning kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ContinuationTrie"]


class ContinuationTrie:
    """A tree whose edges are tokens. Node 0 is the context's end; any other node stands for the edge that leads to it.

    Attributes:
        tokens: for each node, the token of the edge that leads to it; -1 for node 0.
        parents: for each node, the node before it; -1 for node 0.
        children: for each node, the nodes behind it, in the order in which they first came up.
        depths: for each node, how many tokens are between the context's end and it.
        paths: for each continuation, the nodes on its way, without node 0; as many as it has tokens.
    """

    __slots__ = ("children", "depths", "parents", "paths", "tokens")

    def __init__(self, continuations: Sequence[Sequence[int]]) -> None:
        """Builds the tree.

        Args:
            continuations: token ids of each continuation; equal ones may be among them.

        Raises:
            ValueError: a continuation without tokens.
        """
        self.tokens: list[int] = [-1]
        self.parents: list[int] = [-1]
        self.children: list[list[int]] = [[]]
        self.depths: list[int] = [0]
        known: dict[tuple[int, int], int] = {}
        paths = []
        for continuation in continuations:
            if not continuation:
                raise ValueError("a continuation without tokens has no log-probability")
            node, path = 0, []
            for token in continuation:
                child = known.get((node, token))
                node = self._grow(known, node, token) if child is None else child
                path.append(node)
            paths.append(tuple(path))
        self.paths: tuple[tuple[int, ...], ...] = tuple(paths)

    def _grow(self, known: dict[tuple[int, int], int], parent: int, token: int) -> int:
        node = known[parent, token] = len(self.tokens)
        self.tokens.append(token)
        self.parents.append(parent)
        self.children.append([])
        self.depths.append(self.depths[parent] + 1)
        self.children[parent].append(node)
        return node

    def path(self, node: int) -> tuple[int, ...]:
        """Returns the nodes on the way to `node`, itself included and node 0 left out."""
        way = []
        while node:
            way.append(node)
            node = self.parents[node]
        return tuple(reversed(way))

    def path_tokens(self, node: int) -> tuple[int, ...]:
        """Returns the tokens between the context's end and `node`."""
        return tuple(self.tokens[step] for step in self.path(node))

    def leaves(self) -> list[int]:
        """Returns the nodes where a continuation ends that is no other one's beginning."""
        return [node for node, children in enumerate(self.children) if node and not children]
