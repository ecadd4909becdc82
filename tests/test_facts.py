import pickle

from samdomains.facts import Facts, StrategyChoice


def test_facts_and_choices_are_values_that_workers_can_be_given() -> None:
    facts = Facts("tiny", 10, 256, 3, 9, "cpu", 2**30, bf16=False)
    choice = StrategyChoice("lora", 2, "no", ("few images",))
    assert pickle.loads(pickle.dumps(facts)) == facts
    assert pickle.loads(pickle.dumps(choice)) == choice
    assert choice.images_at_once is None
