/* SPDX-License-Identifier: ISC
 *
 * Thirty days of mail for a hundred hosts that are slow, out, flapping or dead,
 * a mailing to 100,000, a reload, and a process that dies: the real scheduler and
 * active set, on a clock that jumps from event to event. SIMULATION_SEED chooses
 * another world; the same seed always gives the same one.
 *
 * With a limit of L deliveries under way it checks of P5: a message for a host
 * that lives and has nothing under way or waiting starts in the same moment,
 * although slow and hanging hosts have more mail than L. (Fewer than L / 8 hosts
 * here can begin to hang at once, see queue/share.h.) And of the order: a message
 * whose sender has no other for its host starts no later than after one delivery
 * for each other sender that has mail for it at that time. The rest is in tests/unit/sim-checks.c.
 */
#include "queue/active.h"
#include "tests/unit/sim-checks.h"
#include "tests/unit/unit.h"
#include "common/conf.h"
#include "common/log.h"
#include "common/mem.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	DAYS = 30,
	FEW_DAYS = 17, /* with all of the above */
	LIMIT = 480,
	MAILING = 100000,
	MAILER = 0, /* the mailing's sender */
	PERSONS_MAX = 600000,
	LETTERS_MAX = 400000,
	FIRST_ID = 1000,
	SWEEP_S = 3600,
};

#define WALL	    UINT64_C(1700000000000)
#define LANDING_MAX (10 * MINUTE) /* the longest that a delivery takes, and no sweep ends it */

enum person_state { WAITS, DELIVERED, EXPIRED };

/* One recipient of one message, as the world sees it. */
struct person {
	struct host *host;
	uint64_t came, started; /* started: the first time plus one; 0: never */
	uint64_t bound;		/* the count of the host's starts by which it must have started */
	uint64_t next_try;	/* as the spool has it */
	uint16_t attempts;
	uint8_t state;	  /* enum person_state */
	uint8_t recorded; /* enum spool_outcome; 0: none */
	bool flying;
	bool heads; /* the first of its job */
	bool at_once;
};

struct letter {
	uint32_t first; /* person */
	uint32_t count;
	uint64_t came;
	uint8_t sender;
	bool finished;
};

struct flight {
	struct heap_node node; /* first; milliseconds: 49 days are enough */
	struct job *job;
	struct host *host;
	uint64_t ends;
	bool may_offer, offers; /* at node.when it offers its slot; it does so now */
	bool returns;		/* it is given back when its partner has landed */
	struct flight *partner; /* in the same slot */
	TAILQ_ENTRY(flight) link;
	size_t count;
	uint16_t numbers[RECIPIENTS_PER_PACKET];
};

static struct sim {
	struct world world;
	struct checks checks;
	struct active active;
	struct heap flights;
	TAILQ_HEAD(, flight) offering;
	uint64_t behind, returned;
	struct person *persons;
	struct letter *letters;
	size_t person_count, letter_count;
	uint64_t *failed; /* ids of messages with recipients that failed */
	size_t failed_count;
	uint64_t now;
	uint64_t next_letter, next_rush, next_sweep;
	bool reloaded;
	size_t delivered, expired, deferred, at_once, starts;
} sim;

static struct moment moment(void)
{
	return (struct moment){.ms = sim.now, .wall = WALL + sim.now};
}

static struct observed *observed(const struct host *h)
{
	return &sim.checks.hosts[h - sim.world.hosts];
}

/* --- configuration ------------------------------------------------------ */

static const char text[] = "hostname = \"mx.example.org\"\nmailboxes = \"/var/mail/%%d/%%n\"\n"
			   "listen smtp { address = \"*:25\" }\n"
			   "queue { retry-first = \"2 min\"  retry-max = \"4 h\" }\n"
			   "remote { concurrency = %d }\n"
			   "destination \".paced.example\" { rate = %d/h }\n"
			   "destination \".small.example\" { concurrency = %d }\n"
			   "destination \".brief.example\" { retry-first = \"10 s\"  "
			   "retry-max = \"20 min\"  lifetime = \"1 d\" }\n";

static struct terms terms_of(const struct host *h)
{
	struct terms t = {.window_max = 20,
	    .retry_first = 2 * MINUTE,
	    .retry_max = 4 * HOUR,
	    .lifetime = 5 * DAY};
	if (h->kind == HOST_PACED)
		t.rate = sim.reloaded ? 30 : 60;
	if (h->kind == HOST_SMALL)
		t.window_max = sim.reloaded ? 2 : 3;
	if (h->kind == HOST_BRIEF) {
		t.retry_first = 10 * SECOND;
		t.retry_max = 20 * MINUTE;
		t.lifetime = DAY;
	}
	return t;
}

static void configure(void)
{
	char all[2048];
	struct conf_faults faults = {0};
	int n =
	    snprintf(all, sizeof(all), text, LIMIT, sim.reloaded ? 30 : 60, sim.reloaded ? 2 : 3);
	struct conf *conf = conf_parse("/etc/postern.conf", all, (size_t)n, &faults);
	ck_assert_ptr_nonnull(conf);
	scheduler_configure(sim.active.scheduler, conf);
	sim.active.lifetime = (uint64_t)conf->queue.lifetime * 1000;
	conf_faults_free(&faults);
	conf_free(conf);
}

/* --- the spool ---------------------------------------------------------- */

static struct letter *letter_of(uint64_t id)
{
	sim_require(id - FIRST_ID < sim.letter_count, "no such message");
	return &sim.letters[id - FIRST_ID];
}

static struct person *person_of(uint64_t id, uint16_t number)
{
	const struct letter *l = letter_of(id);
	sim_require(number < l->count, "no such recipient");
	return &sim.persons[l->first + number];
}

/* No earlier than its lifetime, and no later than the sweep after its last try. */
static void expire(uint64_t id, struct person *p)
{
	const uint64_t lifetime = terms_of(p->host).lifetime, age = sim.now - p->came;
	sim_require(p->state == WAITS && !p->flying, "twice: expired");
	sim_require(age >= lifetime, "lifetime: expired after %llu ms", (unsigned long long)age);
	sim_require(age <= lifetime + SWEEP_S * SECOND + LANDING_MAX,
	    "lifetime: expired after %llu ms", (unsigned long long)age);
	p->state = EXPIRED;
	observed(p->host)->senders[letter_of(id)->sender].waiting--;
	if (p->heads && p->started == 0)
		observed(p->host)->senders[letter_of(id)->sender].fresh--;
	sim.expired++;
}

void spool_result(struct spool *s, uint64_t id, const struct spool_place *place,
    const struct spool_result *result)
{
	struct person *p = person_of(id, result->number);
	(void)s;
	(void)place;
	sim_require(!letter_of(id)->finished, "lost: a result after the finish");
	sim_require(p->recorded != SPOOL_DELIVERED, "twice: a result after the delivery");
	if (result->outcome == SPOOL_FAILED)
		expire(id, p);
	p->recorded = result->outcome;
	p->next_try = result->next_try;
	p->attempts = (uint16_t)result->attempts;
}

void spool_finish(struct spool *s, uint64_t id, const struct spool_place *place)
{
	struct letter *l = letter_of(id);
	(void)s;
	(void)place;
	sim_require(!l->finished, "twice: finished");
	l->finished = true;
	for (uint32_t i = 0; i < l->count; i++)
		sim_require(sim.persons[l->first + i].state != WAITS,
		    "lost: finished, but recipient %u waits", i);
}

/* --- mail comes --------------------------------------------------------- */

/* A message to these hosts, already in the spool. */
struct draft {
	struct recipient *recipients;
	struct envelope envelope;
	char sender[32];
	struct spool_place place;
};

static struct recipient recipient_at(const struct host *h)
{
	struct str name = str_from_cstr(h->name);
	return (struct recipient){
	    .address = name, .original = name, .nexthop = name, .transport = TRANSPORT_REMOTE};
}

static struct draft draft_of(const struct letter *l)
{
	struct draft d = {.recipients = xcalloc(l->count, sizeof(*d.recipients)),
	    .envelope = {.arrival = WALL + l->came},
	    .place = {.segment = 1, .offset = l->first, .length = 100, .envelope_length = 50}};
	snprintf(d.sender, sizeof(d.sender), "sender%u@example.org", l->sender);
	for (uint32_t i = 0; i < l->count; i++)
		d.recipients[i] = recipient_at(sim.persons[l->first + i].host);
	return d;
}

/* What is true of the recipient if it is the first of its job. */
static void expect(struct person *p, uint8_t sender, bool idle)
{
	struct observed *o = observed(p->host);
	p->at_once = p->host->kind == HOST_LIVE && idle;
	checks_committed(o, sender);
	p->bound = o->senders[sender].fresh == 1 ? o->starts + checks_senders(o) : UINT64_MAX;
	p->heads = true;
}

static void post(uint8_t sender, struct host **hosts, uint32_t count)
{
	sim_require(sim.letter_count < LETTERS_MAX, "too many messages");
	sim_require(sim.person_count + count < PERSONS_MAX, "too many recipients");
	uint64_t id = FIRST_ID + sim.letter_count;
	struct letter *l = &sim.letters[sim.letter_count++];
	*l = (struct letter){
	    .first = (uint32_t)sim.person_count, .count = count, .sender = sender, .came = sim.now};
	for (uint32_t i = 0; i < count; i++) {
		struct person *p = &sim.persons[sim.person_count++];
		*p = (struct person){.host = hosts[i], .came = sim.now};
		bool idle = checks_is_idle(observed(hosts[i]));
		observed(hosts[i])->senders[sender].waiting++;
		if (i == 0 || hosts[i] != hosts[i - 1])
			expect(p, sender, idle);
	}
	struct draft d = draft_of(l);
	d.envelope.reverse_path = str_from_cstr(d.sender);
	active_commit(&sim.active,
	    message_new(sim.active.scheduler, id, &d.envelope, d.recipients, count, 1000),
	    &d.place);
	free(d.recipients);
}

static uint8_t any_sender(void)
{
	return (uint8_t)(1 + world_roll(&sim.world, SENDERS - 1));
}

static void post_one(struct host *h)
{
	post(any_sender(), &h, 1);
}

/* One to three recipients at different hosts. */
static void post_any(void)
{
	struct host *hosts[3];
	const uint32_t wanted = 1 + (uint32_t)world_roll(&sim.world, 6) / 4;
	uint32_t n = 0;
	for (uint64_t at = world_roll(&sim.world, sim.world.host_count); n < wanted; n++) {
		hosts[n] = &sim.world.hosts[at];
		at = (at + 1 + world_roll(&sim.world, 30)) % sim.world.host_count;
	}
	post(any_sender(), hosts, n);
}

/* More for each slow and hanging host than it can take, and then something for the others. */
static void rush(void)
{
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 0; k < world_count(HOST_SLOW); k++)
			post_one(world_host(&sim.world, HOST_SLOW, k));
		for (unsigned k = 0; k < world_count(HOST_HANG); k++)
			post_one(world_host(&sim.world, HOST_HANG, k));
	}
	for (unsigned i = 0; i < 90; i++)
		post_one(world_host(&sim.world, HOST_PACED, 0));
}

/* Half of it one by one, half in one message; then notes of others. */
static void post_mailing(void)
{
	static struct host *all[MAILING / 2];
	struct host *to = world_host(&sim.world, HOST_LIVE, 0);
	const unsigned half = unit_times(MAILING / 2);
	for (unsigned i = 0; i < half; i++) {
		all[i] = to;
		post(MAILER, &to, 1);
	}
	post(MAILER, all, half);
	for (unsigned i = 0; i < 100; i++)
		post_one(to);
}

/* --- deliveries --------------------------------------------------------- */

static void check_start(struct person *p)
{
	const struct observed *o = observed(p->host);
	if (p->started > 0 || !p->heads)
		return;
	p->started = sim.now + 1;
	sim_require(!p->at_once || p->came == sim.now, "P5: %s was idle, %llu ms", p->host->name,
	    (unsigned long long)(sim.now - p->came));
	sim.at_once += p->at_once;
	if (p->host->kind == HOST_LIVE)
		sim_require(o->starts <= p->bound, "order: %llu starts too late",
		    (unsigned long long)(o->starts - p->bound));
}

/* Half of those that have a slot of their own offer it when half of their time is over. */
static void plan_flight(struct flight *f, struct flight *behind)
{
	uint64_t takes = world_takes(&sim.world, f->host, sim.now);
	f->ends = (behind != NULL ? behind->ends : sim.now) + takes;
	f->may_offer = behind == NULL && world_roll(&sim.world, 2) == 0;
	f->node.when = (uint32_t)(f->may_offer ? sim.now + takes / 2 : f->ends);
	heap_add(&sim.flights, &f->node);
	if (behind == NULL)
		return;
	f->returns = world_roll(&sim.world, 8) == 0;
	f->partner = behind;
	behind->partner = f;
	behind->offers = false;
	TAILQ_REMOVE(&sim.offering, behind, link);
	sim.behind++;
}

/* Behind another one, or (NULL) in a slot of its own. */
static void take_off(struct job *job, struct flight *behind)
{
	struct flight *f = xcalloc(1, sizeof(*f));
	const struct destination *d = job->to;
	const unsigned state = d->state;
	const uint64_t id = message_of(job)->id;
	f->job = job;
	f->host = world_find(&sim.world, destination_name(d));
	f->count = behind == NULL
			   ? active_start(&sim.active, job, f->numbers, RECIPIENTS_PER_PACKET)
			   : active_start_ahead(
				 &sim.active, job, f->numbers, RECIPIENTS_PER_PACKET);
	observed(f->host)->ahead += behind != NULL;
	sim_require(f->count > 0, "a delivery to nobody");
	struct person *first = person_of(id, f->numbers[0]);
	const struct terms terms = terms_of(f->host);
	checks_start(&sim.checks, observed(f->host), &terms, letter_of(id)->sender,
	    first->heads && first->started == 0, d, state, sim.now);
	check_start(first);
	for (size_t i = 0; i < f->count; i++) {
		struct person *p = person_of(id, f->numbers[i]);
		sim_require(!p->flying && p->state == WAITS, "twice: started");
		sim_require(p->recorded != SPOOL_DEFERRED || p->next_try <= WALL + sim.now,
		    "retry: before its time");
		p->flying = true;
	}
	plan_flight(f, behind);
	sim.starts++;
}

static bool is_taken(const struct person *p)
{
	if (p->host->kind == HOST_GREY)
		return sim.now >= p->came + 10 * MINUTE;
	return host_is_up(p->host, sim.now);
}

static void defer(struct job *job, uint16_t number, struct person *p)
{
	const struct terms terms = terms_of(p->host);
	const struct why why = WHY("4.4.1", "not now");
	active_deferred(&sim.active, job, number, &why, moment());
	if (p->recorded != SPOOL_DEFERRED)
		return; /* it expired */
	checks_retry(&terms, job->attempts, sim.now, scheduler_postponed_until(job));
	sim.deferred++;
}

/* The slot is free, or its partner's. */
static void leave_slot(struct flight *f, enum destination_verdict verdict)
{
	struct scheduler *s = sim.active.scheduler;
	checks_end(observed(f->host), verdict);
	if (f->offers) {
		TAILQ_REMOVE(&sim.offering, f, link);
		scheduler_take_back(s, f->job);
	}
	if (f->partner != NULL) {
		observed(f->host)->ahead--;
		scheduler_done_in_slot(s, f->job, verdict, sim.now);
		f->partner->partner = NULL;
	} else {
		scheduler_done(s, f->job, verdict, sim.now);
	}
}

static void give_back(struct flight *f)
{
	const uint64_t id = message_of(f->job)->id;
	heap_remove(&sim.flights, &f->node);
	for (size_t i = f->count; i-- > 0;) {
		person_of(id, f->numbers[i])->flying = false;
		active_untried(&sim.active, f->job, f->numbers[i]);
	}
	leave_slot(f, DESTINATION_UNKNOWN);
	active_settle(&sim.active, f->job);
	free(f);
	sim.returned++;
}

static void land(struct flight *f)
{
	struct job *job = f->job;
	struct message *m = message_of(job);
	const enum destination_verdict verdict = host_verdict(f->host, sim.now);
	for (size_t i = 0; i < f->count; i++) {
		struct person *p = person_of(m->id, f->numbers[i]);
		p->flying = false;
		if (!is_taken(p)) {
			defer(job, f->numbers[i], p);
			continue;
		}
		p->state = DELIVERED;
		observed(p->host)->senders[letter_of(m->id)->sender].waiting--;
		sim.delivered++;
		active_delivered(&sim.active, m, &f->numbers[i], 1);
	}
	if (f->partner != NULL && f->partner->returns)
		give_back(f->partner);
	leave_slot(f, verdict);
	active_settle(&sim.active, job);
	free(f);
}

static void offer(struct flight *f)
{
	f->may_offer = false;
	f->offers = true;
	TAILQ_INSERT_TAIL(&sim.offering, f, link);
	f->node.when = (uint32_t)f->ends;
	heap_add(&sim.flights, &f->node);
	scheduler_offer(sim.active.scheduler, f->job);
}

static void land_all(void)
{
	struct heap_node *first;
	while ((first = heap_first(&sim.flights)) != NULL && first->when <= sim.now) {
		heap_remove(&sim.flights, first);
		struct flight *f = (struct flight *)first;
		if (f->may_offer)
			offer(f);
		else
			land(f);
	}
}

static void start_all(void)
{
	struct job *job;
	while (!active_wake(&sim.active, moment(), 1000))
		;
	while ((job = scheduler_next(sim.active.scheduler, TRANSPORT_REMOTE)) != NULL)
		take_off(job, NULL);
	while ((job = scheduler_next_ahead(sim.active.scheduler, TRANSPORT_REMOTE)) != NULL) {
		struct flight *behind = TAILQ_FIRST(&sim.offering);
		while (behind != NULL && behind->job->to != job->to)
			behind = TAILQ_NEXT(behind, link);
		sim_require(behind != NULL, "nobody offers what is taken");
		take_off(job, behind);
	}
}

/* --- lifetimes ---------------------------------------------------------- */

/* Bounces are another test's: what failed is told to its sender at once. */
static void on_failed(void *ctx, uint64_t id)
{
	(void)ctx;
	sim_require(sim.failed_count < PERSONS_MAX, "too many failures");
	sim.failed[sim.failed_count++] = id;
}

static void tell_senders(void)
{
	while (sim.failed_count > 0) {
		struct message *m =
		    index_find(&sim.active.messages, sim.failed[--sim.failed_count]);
		for (uint16_t i = 0; m != NULL && i < m->recipient_count; i++)
			if (message_recipients(m)[i].state == RECIPIENT_FAILED)
				active_bounced(&sim.active, m, i);
		if (m != NULL)
			active_settle_message(&sim.active, m);
	}
}

static void sweep(void)
{
	if (sim.next_sweep > sim.now)
		return;
	while (!active_sweep(&sim.active, moment(), 1000))
		;
	sim.next_sweep = sim.now + SWEEP_S * SECOND;
}

/* --- the process dies --------------------------------------------------- */

static void forget_flights(void)
{
	struct heap_node *first;
	TAILQ_INIT(&sim.offering);
	while ((first = heap_first(&sim.flights)) != NULL) {
		heap_remove(&sim.flights, first);
		free(first);
	}
	memset(&sim.checks.hosts, 0, sizeof(sim.checks.hosts));
	for (size_t i = 0; i < sim.letter_count; i++)
		for (uint32_t k = 0; k < sim.letters[i].count; k++) {
			struct person *p = &sim.persons[sim.letters[i].first + k];
			p->flying = p->heads = p->at_once = false;
			if (p->state == WAITS)
				observed(p->host)->senders[sim.letters[i].sender].waiting++;
		}
}

static void recover(uint64_t id)
{
	const struct letter *l = letter_of(id);
	struct draft d = draft_of(l);
	d.envelope.reverse_path = str_from_cstr(d.sender);
	active_on_message(&sim.active, id, &d.place, &d.envelope, d.recipients, l->count);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct person *p = &sim.persons[l->first + i];
		const struct spool_result r = {.number = (uint16_t)i,
		    .outcome = p->recorded,
		    .next_try = p->next_try,
		    .attempts = p->attempts,
		    .status = STR("4.4.1"),
		    .text = STR("not now")};
		if (p->recorded != 0)
			active_on_result(&sim.active, id, &r, moment());
	}
	free(d.recipients);
}

static void die_and_return(void)
{
	forget_flights();
	active_reset(&sim.active);
	active_init(&sim.active, 2);
	scheduler_begin(sim.active.scheduler, sim.now); /* rates hold across it */
	sim.active.notices.on_failed = on_failed;
	configure();
	for (size_t i = 0; i < sim.letter_count; i++)
		if (!sim.letters[i].finished)
			recover(FIRST_ID + i);
	active_begin(&sim.active);
}

/* --- time --------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_moment(void)
{
	const struct heap_node *flight = heap_first(&sim.flights);
	uint64_t next = scheduler_next_event(sim.active.scheduler);
	next = earlier(next, flight == NULL ? UINT64_MAX : flight->when);
	next = earlier(next, earlier(sim.next_letter, earlier(sim.next_rush, sim.next_sweep)));
	return next > sim.now ? next : sim.now;
}

static void let_mail_come(void)
{
	if (sim.next_rush <= sim.now) {
		rush();
		sim.next_rush += DAY;
	}
	if (sim.next_letter > sim.now)
		return;
	bool rushing = sim.now % DAY > 10 * HOUR && sim.now % DAY < 10 * HOUR + 15 * MINUTE;
	post_any();
	if (rushing)
		post_one(world_host(&sim.world, HOST_LIVE,
		    (unsigned)world_roll(&sim.world, world_count(HOST_LIVE))));
	sim.next_letter = sim.now + 1 + world_roll(&sim.world, rushing ? 2 * SECOND : MINUTE);
}

static void run_until(uint64_t until)
{
	start_all();
	for (uint64_t next; (next = next_moment()) <= until;) {
		sim.now = next;
		land_all();
		let_mail_come();
		sweep();
		tell_senders();
		start_all();
	}
	sim.now = until;
}

static unsigned days(void)
{
	return unit_wants_few_rounds() ? FEW_DAYS : DAYS;
}

static void begin(uint64_t seed)
{
	TAILQ_INIT(&sim.offering);
	world_init(&sim.world, seed, days() * DAY);
	sim.persons = xcalloc(PERSONS_MAX, sizeof(*sim.persons));
	sim.letters = xcalloc(LETTERS_MAX, sizeof(*sim.letters));
	sim.failed = xcalloc(PERSONS_MAX, sizeof(*sim.failed));
	sim.next_rush = 10 * HOUR;
	active_init(&sim.active, 1);
	sim.active.notices.on_failed = on_failed;
	configure();
}

static void end(void)
{
	sim.next_letter = sim.next_rush = UINT64_MAX;
	run_until((days() + 6) * DAY);
	for (size_t i = 0; i < sim.person_count; i++) {
		const struct person *p = &sim.persons[i];
		bool never = p->host->kind == HOST_DEAD || p->host->kind == HOST_HANG;
		sim_require(!never || p->state == EXPIRED, "lifetime: for %s", p->host->name);
		if (!never)
			sim_require(p->state != WAITS, "lost: for %s, of day %llu", p->host->name,
			    (unsigned long long)(p->came / DAY));
	}
	active_reset(&sim.active);
	heap_reset(&sim.flights);
	free(sim.persons);
	free(sim.letters);
	free(sim.failed);
}

START_TEST(thirty_days)
{
	const char *seed = getenv("SIMULATION_SEED");
	log_set_fd(open("/dev/null", O_WRONLY));
	begin(seed == NULL ? 1 : strtoull(seed, NULL, 10));
	run_until(4 * DAY + 9 * HOUR + 55 * MINUTE);
	post_mailing();
	run_until(10 * DAY);
	sim.reloaded = true;
	checks_forget_rates(&sim.checks);
	configure();
	run_until(15 * DAY + 10 * HOUR + 3 * MINUTE);
	die_and_return();
	run_until(days() * DAY);
	end();
	printf("%zu recipients of %zu messages: %zu deliveries, %zu deferrals, %zu expired; "
	       "%zu started at once, %llu probes, %llu turns\n",
	    sim.person_count, sim.letter_count, sim.starts, sim.deferred, sim.expired, sim.at_once,
	    (unsigned long long)sim.checks.probes, (unsigned long long)sim.checks.alternations);
	sim_require(sim.at_once > 5000, "hardly tested");
	sim_require(sim.checks.probes > 5000, "hardly tested");
	sim_require(sim.behind > 5000 && sim.returned > 500, "hardly tested");
	sim_require(sim.checks.alternations > 5000, "hardly tested");
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("simulation");
	tcase_set_timeout(c, 300);
	tcase_add_test(c, thirty_days);
	return unit_run_case("simulation", c);
}
