"""lead, assign, beat, configure: one leader at a time, and an old one can do no harm."""

from transitions import wait_for


def test_lead_gives_a_growing_epoch_to_each_new_leader(system):
    first = system.lead("one")
    assert first > 0
    system.redis.delete(system.key("leader"))
    assert system.lead("two") > first


def test_lead_goes_on_growing_when_redis_has_lost_its_data(system):
    first = system.lead("one")
    system.redis.flushall()
    wait_for(lambda: system.now_ms() > first, what="the clock's next millisecond")
    assert system.lead("two") > first


def test_lead_begins_anew_when_redis_comes_back_with_older_data(system):
    """The lock is the caller's, the epoch an older one: as after putting a backup back."""
    first = system.lead("one")
    system.redis.set(system.key("epoch"), 7)
    second = system.lead("one", known=first)
    assert second > first
    assert system.lead("one", known=second) == second


def test_lead_passes_an_epoch_that_is_ahead_of_the_clock(system):
    ahead = system.now_ms() + 3600000
    assert system.lead("one", known=ahead) > ahead


def wind_back(system, ms):
    """As if nobody had asked for the lock for so long."""
    system.redis.hincrby(system.key("watch"), "seen", -ms)


def test_leases_may_lapse_at_once_while_schedulers_ask(system):
    assert system.ask_lead("one").lapse_from == 0
    wind_back(system, 4000)
    asked = system.ask_lead("one", lock_ms=3000)
    assert asked.lapse_from == 0
    assert 0 < asked.until - system.now_ms() <= 3000


def test_leases_are_held_after_a_time_in_which_nobody_could_ask(system):
    system.lead("one")
    wind_back(system, 6000)
    held = system.ask_lead("one").lapse_from
    assert 14000 < held - system.now_ms() <= 15000
    assert system.ask_lead("one").lapse_from == held, "until then, whoever asks"


def test_a_follower_that_asks_first_does_not_hide_the_gap(system):
    system.lead("one", lock_ms=90000)
    wind_back(system, 6000)
    assert system.lead("two") == 0
    assert system.ask_lead("one").lapse_from > system.now_ms()
    system.redis.delete(system.key("leader"))
    assert system.ask_lead("three").lapse_from > system.now_ms(), "nor does a new leader"


def test_lead_refuses_a_second_leader(system):
    system.lead("one")
    assert system.lead("two") == 0


def test_lead_keeps_epoch_and_lock_of_the_leader(system):
    epoch = system.lead("one", lock_ms=1000)
    assert system.lead("one", lock_ms=9000) == epoch
    assert system.redis.pttl(system.key("leader")) > 1000


def test_lead_lock_expires(system):
    system.lead("one", lock_ms=3000)
    assert 0 < system.redis.pttl(system.key("leader")) <= 3000


def test_assign_is_what_the_agent_reads(system, heard):
    messages = heard("mr:agent:agent-0")
    assert system.assign(system.lead("one"), "agent-0", echo=2, render=1) == 1
    assert messages() == [("mr:agent:agent-0", "assign")]
    assert system.beat("agent-0").wanted == {"echo": "2", "render": "1"}


def test_assign_replaces_what_was_wanted(system):
    epoch = system.lead("one")
    system.assign(epoch, "agent-0", echo=2, render=1)
    system.assign(epoch, "agent-0", echo=3)
    assert system.beat("agent-0").wanted == {"echo": "3"}
    system.assign(epoch, "agent-0")
    assert system.beat("agent-0").wanted == {}


def test_assign_of_an_old_leader_is_refused(system, heard):
    old = system.lead("one")
    system.redis.delete(system.key("leader"))
    new = system.lead("two")
    assert system.assign(new, "agent-0", echo=1) == 1
    messages = heard("mr:agent:agent-0")
    assert system.assign(old, "agent-0", echo=9) == 0
    assert messages() == []
    assert system.beat("agent-0").wanted == {"echo": "1"}


def test_beat_tells_the_epoch_of_the_assignment(system):
    assert system.beat("agent-0").epoch == 0
    epoch = system.lead("one")
    system.assign(epoch, "agent-0")
    beat = system.beat("agent-0")
    assert (beat.epoch, beat.wanted) == (epoch, {})


def test_beat_tells_how_much_the_store_has_lost(system):
    first = system.beat("agent-0").now
    assert system.beat("agent-0", answered=first).lost_ms == 0
    system.redis.hset(system.key("beats"), "agent-0", first - 700)
    assert system.beat("agent-0", answered=first).lost_ms == 700


def test_beat_of_a_new_agent_has_lost_nothing(system):
    assert system.beat("agent-0", answered=system.now_ms()).lost_ms == 0
    assert system.beat("agent-0").lost_ms == 0


def test_beat_stores_description_and_time(system):
    beat = system.beat("agent-0", '{"slots":4}')
    assert beat.wanted == {}
    assert abs(beat.now - system.now_ms()) < 1000
    assert system.redis.hget(system.key("agents"), "agent-0") == '{"slots":4}'
    assert int(system.redis.hget(system.key("beats"), "agent-0")) == beat.now


def test_agents_are_told_with_their_beats(system):
    assert system.agents() == {}
    now = system.beat("agent-0", '{"slots":4}').now
    system.beat("agent-1", "{}")
    system.redis.hdel(system.key("beats"), "agent-1")
    assert system.agents() == {"agent-0": (now, '{"slots":4}'), "agent-1": (0, "{}")}


def test_configure_creates_and_counts_versions(queue, heard):
    messages = heard("mr:conf")
    assert queue.configure('{"id":"ep"}') == 1
    assert queue.configure('{"id":"ep","x":1}') == 2
    assert queue.redis.hget(queue.key("conf"), "doc") == '{"id":"ep","x":1}'
    assert messages() == [("mr:conf", queue.prefix)] * 2


def test_configure_of_the_same_document_keeps_the_version(queue):
    queue.configure('{"id":"ep"}')
    assert queue.configure('{"id":"ep"}') == 1


def test_configure_refuses_to_replace_when_told_so(queue):
    queue.configure("old")
    assert queue.configure("new", may_replace=False) == -1
    assert queue.redis.hget(queue.key("conf"), "doc") == "old"


def test_configure_creates_when_told_not_to_replace(queue):
    assert queue.configure("new", may_replace=False) == 1


def test_configure_deletes(queue, heard):
    queue.configure("doc")
    messages = heard("mr:conf")
    assert queue.configure("") == 0
    assert queue.redis.hget(queue.key("conf"), "doc") is None
    assert messages() == [("mr:conf", queue.prefix)]
    assert queue.configure("") == -2


def test_configure_after_a_delete_counts_as_new_for_may_replace(queue):
    queue.configure("doc")
    queue.configure("")
    assert queue.configure("again", may_replace=False) > 0


def test_a_version_never_stands_for_two_documents(queue):
    first = queue.configure("one")
    queue.configure("")
    assert queue.configure("two") != first
