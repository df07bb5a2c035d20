# SPDX-License-Identifier: ISC
SPOOL_SOURCES = \
	queue/spool-append.c \
	queue/spool-append.h \
	queue/spool-batch.c \
	queue/spool-batch.h \
	queue/spool-bytes.h \
	queue/spool-calls.c \
	queue/spool-clean.c \
	queue/spool-clean.h \
	queue/spool-crc.c \
	queue/spool-crc.h \
	queue/spool-faults.c \
	queue/spool-faults.h \
	queue/spool-files.c \
	queue/spool-files.h \
	queue/spool-identity.c \
	queue/spool-identity.h \
	queue/spool-internal.h \
	queue/spool-io.c \
	queue/spool-io.h \
	queue/spool-large.c \
	queue/spool-large.h \
	queue/spool-loop.c \
	queue/spool-payload.c \
	queue/spool-payload.h \
	queue/spool-read.c \
	queue/spool-record.c \
	queue/spool-record.h \
	queue/spool-recover.c \
	queue/spool-replay.c \
	queue/spool-replay.h \
	queue/spool-scan.c \
	queue/spool-scan.h \
	queue/spool-segment.c \
	queue/spool-segment.h \
	queue/spool-stock.c \
	queue/spool-stock.h \
	queue/spool-survey.c \
	queue/spool-survey.h \
	queue/spool-table.c \
	queue/spool-table.h \
	queue/spool-thread.c \
	queue/spool-thread.h \
	queue/spool-verify.c \
	queue/spool-writer.c \
	queue/spool-writer.h \
	queue/spool.c \
	queue/spool.h

UNIT_TESTS += tests/unit/test_spool_model
tests_unit_test_spool_model_SOURCES = tests/unit/test_spool_model.c \
	tests/unit/spool-model.c tests/unit/spool-model.h \
	tests/unit/spool-sim.c tests/unit/spool-sim.h $(SPOOL_SOURCES)
tests_unit_test_spool_model_LDADD = $(UNIT_LIB) $(TEST_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_spool_recovery
tests_unit_test_spool_recovery_SOURCES = tests/unit/test_spool_recovery.c \
	tests/unit/spool-model.c tests/unit/spool-model.h \
	tests/unit/spool-sim.c tests/unit/spool-sim.h $(SPOOL_SOURCES)
tests_unit_test_spool_recovery_LDADD = $(UNIT_LIB) $(TEST_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_spool_damage
tests_unit_test_spool_damage_SOURCES = tests/unit/test_spool_damage.c \
	tests/unit/spool-model.c tests/unit/spool-model.h \
	tests/unit/spool-sim.c tests/unit/spool-sim.h $(SPOOL_SOURCES)
tests_unit_test_spool_damage_LDADD = $(UNIT_LIB) $(TEST_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_spool_parts
tests_unit_test_spool_parts_SOURCES = tests/unit/test_spool_parts.c $(SPOOL_SOURCES)
tests_unit_test_spool_parts_LDADD = $(UNIT_LIB) $(TEST_LIBS) -lpthread

FUZZ_TARGETS += tests/fuzz/fuzz_spool_record tests/fuzz/fuzz_spool_open
tests_fuzz_fuzz_spool_record_SOURCES = tests/fuzz/fuzz_spool_record.c $(SPOOL_SOURCES)
tests_fuzz_fuzz_spool_record_LDADD = $(COMMON_LIBS)
tests_fuzz_fuzz_spool_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_spool_open_SOURCES = tests/fuzz/fuzz_spool_open.c \
	tests/unit/spool-sim.c tests/unit/spool-sim.h $(SPOOL_SOURCES)
tests_fuzz_fuzz_spool_open_LDADD = $(COMMON_LIBS) -lpthread
tests_fuzz_fuzz_spool_open_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

UNIT_TESTS += tests/unit/test_spool_space
tests_unit_test_spool_space_SOURCES = tests/unit/test_spool_space.c \
	tests/unit/spool-model.c tests/unit/spool-model.h \
	tests/unit/spool-sim.c tests/unit/spool-sim.h $(SPOOL_SOURCES)
tests_unit_test_spool_space_LDADD = $(UNIT_LIB) $(TEST_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_spool_thread
tests_unit_test_spool_thread_SOURCES = tests/unit/test_spool_thread.c \
	tests/unit/spool-sim.c tests/unit/spool-sim.h $(SPOOL_SOURCES)
tests_unit_test_spool_thread_LDADD = $(UNIT_LIB) $(TEST_LIBS) -lpthread
