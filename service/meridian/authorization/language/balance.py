"""Long chains of `&&` and `||` as balanced trees.

Cedar's parser hangs each link of a chain below the one before, and the reader of Cedar's JSON form bears a hundred and twenty-five
levels. Both operators look at their parts from left to right and stop at the first that settles it, so a tree of the same parts in the
same order means the same: the same answer, the same errors.
"""

from __future__ import annotations

from typing import Any, Final

from meridian.authorization.language.evaluator import Est
from meridian.authorization.language.policies import depth
from meridian.authorization.language.policy_bounds import ENGINE_DEPTH_MAX

CHAINS: Final = ("&&", "||")
LEAVES: Final = frozenset({"Value", "Var"})


def balanced(policy: Est) -> Est:
    """The policy as it was, or with its chains balanced where the engine could not bear it otherwise."""
    if depth(policy["conditions"]) <= ENGINE_DEPTH_MAX:
        return policy
    return {**policy, "conditions": [{**condition, "body": _balanced(condition["body"])} for condition in policy["conditions"]]}


def _balanced(expression: Est) -> Est:
    [(operator, operands)] = expression.items()
    if operator in LEAVES:
        return expression
    if operator in CHAINS:
        return _tree(operator, [_balanced(part) for part in _parts(operator, expression)])
    if isinstance(operands, dict):
        # Names beside operands, and those of a record, are the author's: each value is looked at, never the whole.
        return {operator: {name: _balanced(each) if _is_expression(each) else each for name, each in operands.items()}}
    return {operator: [_balanced(each) for each in operands] if isinstance(operands, list) else operands}


def _parts(operator: str, expression: Est) -> list[Est]:
    found, waiting = [], [expression]
    while waiting:
        node = waiting.pop()
        if operator in node:
            waiting += [node[operator]["right"], node[operator]["left"]]
        else:
            found.append(node)
    return found


def _tree(operator: str, parts: list[Est]) -> Est:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return {operator: {"left": _tree(operator, parts[:middle]), "right": _tree(operator, parts[middle:])}}


def _is_expression(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1
