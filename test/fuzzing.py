"""How long the tests by Hypothesis look for input that breaks something."""

import os

from hypothesis import HealthCheck, Phase, settings

# 0: what ctest takes, and always the same. n: n times as many examples, others each time.
MORE = int(os.environ.get("PAGESTALL_FUZZ") or 0)


def budget(examples):
    return settings(
        max_examples=examples * max(MORE, 1),
        derandomize=MORE == 0,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
