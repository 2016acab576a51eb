/* Placement: the rules one by one, and the invariants over generated situations. */
#include "test.h"

#include "place.h"
#include "turn.h"

#define ROUNDS 20000
#define AGENTS_MAX 6
#define ENDPOINTS_MAX 5

struct scene {
    struct place place;
    struct place_agent agents[AGENTS_MAX];
    struct place_endpoint endpoints[ENDPOINTS_MAX];
    struct place_cell cells[AGENTS_MAX * ENDPOINTS_MAX];
};

static void scene_bind(struct scene *scene)
{
    scene->place.agents = scene->agents;
    scene->place.endpoints = scene->endpoints;
    scene->place.cells = scene->cells;
}

static void scene_init(struct scene *scene, size_t endpoints, size_t agents, int64_t slots)
{
    *scene = (struct scene){.place = {.agent_count = agents, .endpoint_count = endpoints}};
    scene_bind(scene);
    for (size_t a = 0; a < agents; a++) {
        scene->agents[a] = (struct place_agent){.slots = slots, .is_open = true};
    }
}

static int64_t *present(struct scene *scene, size_t endpoint, size_t agent)
{
    return place_cell(&scene->place, endpoint, agent)->present;
}

static int64_t wish(const struct scene *scene, size_t endpoint, size_t agent)
{
    return place_cell(&scene->place, endpoint, agent)->wish;
}

static void workers_are_spread_over_the_agents(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 3, 4);
    scene.endpoints[0].want = 7;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 3);
    assert_int_equal(wish(&scene, 0, 1), 2);
    assert_int_equal(wish(&scene, 0, 2), 2);
    assert_int_equal(scene.endpoints[0].placed, 7);
}

static void slots_are_never_exceeded(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 2, 2);
    scene.endpoints[0].want = 10;
    scene.endpoints[1].want = 1;
    place(&scene.place);
    assert_int_equal(scene.endpoints[0].placed, 3);
    assert_int_equal(scene.endpoints[1].placed, 1);
}

static void running_workers_stay_where_they_are(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 3, 4);
    present(&scene, 0, 2)[PLACE_BUSY] = 2;
    present(&scene, 0, 2)[PLACE_IDLE] = 2;
    scene.endpoints[0].want = 5;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 2), 4);
    assert_int_equal(wish(&scene, 0, 0), 1);
}

static void too_many_leave_where_most_are_idle(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 3, 4);
    present(&scene, 0, 0)[PLACE_BUSY] = 2;
    present(&scene, 0, 1)[PLACE_EXPIRED] = 1;
    present(&scene, 0, 1)[PLACE_BUSY] = 1;
    present(&scene, 0, 2)[PLACE_EXPIRED] = 2;
    scene.endpoints[0].want = 5;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 2);
    assert_int_equal(wish(&scene, 0, 1), 2);
    assert_int_equal(wish(&scene, 0, 2), 1);
}

static void what_has_not_started_goes_before_what_is_idle(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 2, 4);
    present(&scene, 0, 0)[PLACE_IDLE] = 3;
    present(&scene, 0, 1)[PLACE_MISSING] = 1;
    scene.endpoints[0].want = 3;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 3);
    assert_int_equal(wish(&scene, 0, 1), 0);
}

static void workers_of_a_shrunken_agent_move(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 2, 4);
    present(&scene, 0, 0)[PLACE_IDLE] = 4;
    scene.agents[0].slots = 1;
    scene.endpoints[0].want = 4;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 1);
    assert_int_equal(wish(&scene, 0, 1), 3);
}

static void a_warm_machine_comes_before_spreading(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 3, 2);
    place_cell(&scene.place, 0, 1)->warmth = 1;
    place_cell(&scene.place, 0, 2)->warmth = 2;
    scene.endpoints[0].want = 5;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 2), 2);
    assert_int_equal(wish(&scene, 0, 1), 2);
    assert_int_equal(wish(&scene, 0, 0), 1);
}

static void the_type_of_card_comes_before_a_warm_machine(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 2, 4);
    scene.agents[0].cards[1] = 1;
    scene.agents[1].cards[0] = 1;
    place_cell(&scene.place, 0, 1)->warmth = 3;
    scene.endpoints[0] =
        (struct place_endpoint){.want = 1, .gpus_each = 1, .types = {1, 0}, .type_count = 2};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 1);
}

static void nothing_runs_where_it_is_barred(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 2, 2);
    place_cell(&scene.place, 0, 0)->is_barred = true;
    present(&scene, 0, 0)[PLACE_BUSY] = 1;
    present(&scene, 1, 0)[PLACE_WARM] = 2;
    scene.endpoints[0].want = 3;
    scene.endpoints[1].want = 2;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 0);
    assert_int_equal(wish(&scene, 0, 1), 2);
    assert_true(place_fits_somewhere(&scene.place, 0));
    place_cell(&scene.place, 0, 1)->is_barred = true;
    assert_false(place_fits_somewhere(&scene.place, 0));
    assert_true(place_fits_somewhere(&scene.place, 1));
}

static void a_silent_agent_keeps_and_gets_nothing_new(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 2, 4);
    scene.agents[0].is_open = false;
    scene.agents[0].slots = 0;
    present(&scene, 0, 0)[PLACE_BUSY] = 2;
    scene.endpoints[0].want = 3;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 2);
    assert_int_equal(wish(&scene, 0, 1), 1);
}

static void gpus_of_a_worker_come_from_one_agent_or_not_at_all(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 3, 8);
    scene.agents[0].cards[0] = 1;
    scene.agents[1].cards[0] = 3;
    scene.endpoints[0] = (struct place_endpoint){.want = 3, .gpus_each = 2, .type_count = 1};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 0);
    assert_int_equal(wish(&scene, 0, 1), 1);
    assert_int_equal(wish(&scene, 0, 2), 0);
    assert_int_equal(scene.endpoints[0].placed, 1);
}

static void lost_gpus_take_only_workers_that_use_them(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 1, 8);
    present(&scene, 0, 0)[PLACE_MISSING] = 2;
    present(&scene, 1, 0)[PLACE_BUSY] = 2;
    scene.agents[0].cards[0] = 1;
    scene.endpoints[0].want = 2;
    scene.endpoints[1] = (struct place_endpoint){.want = 2, .gpus_each = 1, .type_count = 1};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 2);
    assert_int_equal(wish(&scene, 1, 0), 1);
}

static void scarce_slots_are_shared_evenly(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 3, 1, 6);
    for (size_t e = 0; e < 3; e++) {
        scene.endpoints[e].want = 10;
    }
    place(&scene.place);
    for (size_t e = 0; e < 3; e++) {
        assert_int_equal(scene.endpoints[e].placed, 2);
    }
}

static void nothing_at_all_is_fine(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 0, 0);
    scene.endpoints[0].want = 1;
    place(&scene.place);
    assert_int_equal(scene.endpoints[0].placed, 0);
    scene_init(&scene, 0, 1, 1);
    place(&scene.place);
}

/* --- properties --- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int64_t below(uint64_t *seed, int64_t end)
{
    return (int64_t)(next_random(seed) % (uint64_t)end);
}

static void any_scene(struct scene *scene, uint64_t *seed)
{
    scene_init(scene, 1 + (size_t)below(seed, ENDPOINTS_MAX), 1 + (size_t)below(seed, AGENTS_MAX),
               0);
    for (size_t a = 0; a < scene->place.agent_count; a++) {
        scene->agents[a] = (struct place_agent){.slots = below(seed, 8),
                                                .cards = {below(seed, 5), below(seed, 3)},
                                                .is_open = below(seed, 8) > 0};
    }
    for (size_t e = 0; e < scene->place.endpoint_count; e++) {
        uint8_t first = (uint8_t)below(seed, 2);
        scene->endpoints[e] = (struct place_endpoint){
            .want = below(seed, 10),
            .gpus_each = below(seed, 3) ? 0 : 1 + below(seed, 2),
            .types = {first, 1 - first},
            .type_count = 1 + (size_t)below(seed, 2),
            .weight = 1 + below(seed, 4),
            .min = below(seed, 2) ? 0 : below(seed, 3),
            .is_starving = below(seed, 6) == 0,
            .has_had_turn = below(seed, 2) == 0,
        };
    }
    for (size_t i = 0; i < scene->place.agent_count * scene->place.endpoint_count; i++) {
        for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
            scene->cells[i].present[class] = below(seed, 4) ? 0 : below(seed, 3);
        }
        scene->cells[i].is_barred = below(seed, 8) == 0;
        scene->cells[i].warmth = (int)below(seed, 3);
    }
}

static int64_t used_slots(const struct scene *scene, size_t agent)
{
    int64_t sum = 0;
    for (size_t e = 0; e < scene->place.endpoint_count; e++) {
        sum += wish(scene, e, agent);
    }
    return sum;
}

/* Are the cards enough for all workers, drawn as the agent does, and for one more of `plus`? */
static bool has_cards(const struct scene *scene, size_t agent, size_t plus)
{
    int64_t cards[PLACE_TYPES_MAX];
    memcpy(cards, scene->agents[agent].cards, sizeof(cards));
    for (size_t e = 0; e < scene->place.endpoint_count; e++) {
        for (int64_t i = wish(scene, e, agent) + (e == plus); i > 0; i--) {
            if (!turn_draw(&scene->endpoints[e], cards)) {
                return false;
            }
        }
    }
    return true;
}

static int64_t total(const struct place_cell *cell)
{
    int64_t sum = 0;
    for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
        sum += cell->present[class];
    }
    return sum;
}

static void check_agents(const struct scene *before, const struct scene *after)
{
    for (size_t a = 0; a < before->place.agent_count; a++) {
        const struct place_agent *agent = &before->agents[a];
        if (agent->is_open) {
            assert_true(used_slots(after, a) <= agent->slots);
            assert_true(has_cards(after, a, ENDPOINTS_MAX));
            continue;
        }
        for (size_t e = 0; e < before->place.endpoint_count; e++) {
            assert_true(wish(after, e, a) <= total(place_cell(&before->place, e, a)));
        }
    }
}

/* What is wanted and not placed fits nowhere. */
static void check_endpoint(const struct scene *before, const struct scene *after, size_t e)
{
    const struct place_endpoint *endpoint = &after->endpoints[e];
    int64_t sum = 0;
    for (size_t a = 0; a < after->place.agent_count; a++) {
        sum += wish(after, e, a);
        bool is_barred = place_cell(&before->place, e, a)->is_barred;
        bool has_room = before->agents[a].is_open && !is_barred &&
                        used_slots(after, a) < before->agents[a].slots && has_cards(after, a, e);
        assert_true(!is_barred || wish(after, e, a) == 0);
        assert_false(has_room && endpoint->placed + endpoint->given_up < endpoint->want);
    }
    assert_int_equal(sum, endpoint->placed);
    assert_true(sum <= endpoint->want);
}

static void copy_scene(struct scene *to, const struct scene *from)
{
    *to = *from;
    scene_bind(to);
}

static void invariants_hold_for_generated_scenes(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < ROUNDS; i++) {
        struct scene before, after, again;
        any_scene(&before, &seed);
        copy_scene(&after, &before);
        copy_scene(&again, &before);
        place(&after.place);
        place(&again.place);
        check_agents(&before, &after);
        for (size_t e = 0; e < before.place.endpoint_count; e++) {
            check_endpoint(&before, &after, e);
            for (size_t a = 0; a < before.place.agent_count; a++) {
                assert_int_equal(wish(&after, e, a), wish(&again, e, a));
            }
        }
    }
}

/* Everything runs as wished; whoever got a worker is starving no more. */
static bool run_as_wished(struct scene *next, const struct scene *placed)
{
    for (size_t k = 0; k < placed->place.agent_count * placed->place.endpoint_count; k++) {
        next->cells[k] = (struct place_cell){.warmth = placed->cells[k].warmth,
                                             .is_barred = placed->cells[k].is_barred};
        next->cells[k].present[PLACE_IDLE] = placed->cells[k].wish;
    }
    struct scene before;
    copy_scene(&before, next);
    for (size_t e = 0; e < next->place.endpoint_count; e++) {
        next->endpoints[e].is_starving = false;
    }
    place(&next->place);
    for (size_t k = 0; k < placed->place.agent_count * placed->place.endpoint_count; k++) {
        if (next->cells[k].wish != placed->cells[k].wish) {
            return false;
        }
    }
    return true;
}

/* What is given up may free more than was needed, which is filled in the next rounds; then the same
 * wants move nothing, so that endpoints never take from each other to and fro. */
static void a_placement_comes_to_rest(void **state)
{
    (void)state;
    uint64_t seed = 4711;
    for (int i = 0; i < ROUNDS; i++) {
        struct scene now, next;
        any_scene(&now, &seed);
        copy_scene(&next, &now);
        place(&now.place);
        bool is_stable = false;
        for (int round = 0; round < 30 && !is_stable; round++) {
            is_stable = run_as_wished(&next, &now);
            copy_scene(&now, &next);
        }
        assert_true(is_stable);
    }
}

/* --- sharing --- */

static void an_endpoint_above_its_share_gives_one_up(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 1, 4);
    present(&scene, 0, 0)[PLACE_BUSY] = 4;
    scene.endpoints[0].want = 8;
    scene.endpoints[1].want = 8;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 2);
    assert_int_equal(wish(&scene, 1, 0), 2);
    assert_int_equal(scene.endpoints[0].given_up, 2);
}

static void scarce_slots_are_shared_by_weight(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 1, 8);
    present(&scene, 0, 0)[PLACE_BUSY] = 8;
    scene.endpoints[0] = (struct place_endpoint){.want = 20, .weight = 1};
    scene.endpoints[1] = (struct place_endpoint){.want = 20, .weight = 3};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 2);
    assert_int_equal(wish(&scene, 1, 0), 6);
}

static void a_minimum_is_not_given_up(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 1, 4);
    present(&scene, 0, 0)[PLACE_IDLE] = 4;
    scene.endpoints[0] = (struct place_endpoint){.want = 4, .min = 3, .weight = 1};
    scene.endpoints[1] = (struct place_endpoint){.want = 4, .weight = 1};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 3);
    assert_int_equal(wish(&scene, 1, 0), 1);
}

static void a_starving_endpoint_gets_a_turn(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 1, 1);
    present(&scene, 0, 0)[PLACE_BUSY] = 1;
    scene.endpoints[0] = (struct place_endpoint){.want = 1, .weight = 1};
    scene.endpoints[1] = (struct place_endpoint){.want = 1, .weight = 1};
    struct scene later;
    copy_scene(&later, &scene);
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 1);
    later.endpoints[0].has_had_turn = later.endpoints[1].is_starving = true;
    place(&later.place);
    assert_int_equal(wish(&later, 0, 0), 0);
    assert_int_equal(wish(&later, 1, 0), 1);
}

static void warm_workers_leave_for_others_the_longest_idle_first(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 3, 1, 2);
    for (size_t e = 0; e < 2; e++) {
        present(&scene, e, 0)[PLACE_WARM] = 1;
        place_cell(&scene.place, e, 0)->warm_ms = e == 0 ? 2000 : 1000;
        scene.endpoints[e].want = 1;
    }
    scene.endpoints[2].want = 1;
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 1);
    assert_int_equal(wish(&scene, 1, 0), 0);
    assert_int_equal(wish(&scene, 2, 0), 1);
}

static void several_small_ones_make_room_for_a_large_one_together(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 2, 2, 8);
    scene.agents[0].cards[0] = 2;
    scene.agents[1].cards[0] = 4;
    present(&scene, 0, 0)[PLACE_WARM] = 2;
    present(&scene, 0, 1)[PLACE_WARM] = 4;
    scene.endpoints[0] = (struct place_endpoint){.want = 6, .gpus_each = 1, .type_count = 1};
    scene.endpoints[1] = (struct place_endpoint){.want = 1, .gpus_each = 4, .type_count = 1};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 0), 2);
    assert_int_equal(wish(&scene, 0, 1), 0);
    assert_int_equal(wish(&scene, 1, 1), 1);
}

/* --- cards --- */

static void the_first_type_that_has_room_is_taken(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 2, 8);
    scene.agents[0].cards[0] = 4;
    scene.agents[1].cards[1] = 1;
    scene.endpoints[0] =
        (struct place_endpoint){.want = 2, .gpus_each = 1, .types = {1, 0}, .type_count = 2};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 1), 1);
    assert_int_equal(wish(&scene, 0, 0), 1);
}

static void a_type_that_is_not_named_is_not_used(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1, 1, 8);
    scene.agents[0].cards[0] = 4;
    scene.endpoints[0] =
        (struct place_endpoint){.want = 2, .gpus_each = 1, .types = {1}, .type_count = 1};
    assert_false(place_fits_somewhere(&scene.place, 0));
    place(&scene.place);
    assert_int_equal(scene.endpoints[0].placed, 0);
}

static void small_workers_are_packed_and_leave_whole_machines(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 3, 2, 8);
    scene.agents[0].cards[0] = 8;
    scene.agents[1].cards[0] = 4;
    for (size_t e = 0; e < 2; e++) {
        scene.endpoints[e] = (struct place_endpoint){.want = 1, .gpus_each = 1, .type_count = 1};
    }
    scene.endpoints[2] = (struct place_endpoint){.want = 1, .gpus_each = 8, .type_count = 1};
    place(&scene.place);
    assert_int_equal(wish(&scene, 0, 1), 1);
    assert_int_equal(wish(&scene, 1, 1), 1);
    assert_int_equal(wish(&scene, 2, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_spread_over_the_agents),
        cmocka_unit_test(slots_are_never_exceeded),
        cmocka_unit_test(running_workers_stay_where_they_are),
        cmocka_unit_test(too_many_leave_where_most_are_idle),
        cmocka_unit_test(what_has_not_started_goes_before_what_is_idle),
        cmocka_unit_test(workers_of_a_shrunken_agent_move),
        cmocka_unit_test(a_warm_machine_comes_before_spreading),
        cmocka_unit_test(the_type_of_card_comes_before_a_warm_machine),
        cmocka_unit_test(nothing_runs_where_it_is_barred),
        cmocka_unit_test(a_silent_agent_keeps_and_gets_nothing_new),
        cmocka_unit_test(gpus_of_a_worker_come_from_one_agent_or_not_at_all),
        cmocka_unit_test(lost_gpus_take_only_workers_that_use_them),
        cmocka_unit_test(scarce_slots_are_shared_evenly),
        cmocka_unit_test(nothing_at_all_is_fine),
        cmocka_unit_test(invariants_hold_for_generated_scenes),
        cmocka_unit_test(a_placement_comes_to_rest),
        cmocka_unit_test(an_endpoint_above_its_share_gives_one_up),
        cmocka_unit_test(scarce_slots_are_shared_by_weight),
        cmocka_unit_test(a_minimum_is_not_given_up),
        cmocka_unit_test(a_starving_endpoint_gets_a_turn),
        cmocka_unit_test(warm_workers_leave_for_others_the_longest_idle_first),
        cmocka_unit_test(several_small_ones_make_room_for_a_large_one_together),
        cmocka_unit_test(the_first_type_that_has_room_is_taken),
        cmocka_unit_test(a_type_that_is_not_named_is_not_used),
        cmocka_unit_test(small_workers_are_packed_and_leave_whole_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
