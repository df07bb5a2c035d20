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
tests_unit_test_spool_model_LDADD = $(TEST_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_spool_recovery
tests_unit_test_spool_recovery_SOURCES = tests/unit/test_spool_recovery.c \
	tests/unit/spool-model.c tests/unit/spool-model.h \
	tests/unit/spool-sim.c tests/unit/spool-sim.h $(SPOOL_SOURCES)
tests_unit_test_spool_recovery_LDADD = $(UNIT_LIB) $(TEST_LIBS) -lpthread
