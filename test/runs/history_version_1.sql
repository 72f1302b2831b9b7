BEGIN TRANSACTION;
CREATE TABLE errors (
	run INTEGER NOT NULL, 
	"row" VARCHAR NOT NULL, 
	message VARCHAR NOT NULL, 
	count INTEGER NOT NULL, 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "errors" VALUES(1,'scan/exec:seq/io:read/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time','not cold',1);
INSERT INTO "errors" VALUES(2,'scan/exec:seq/io:read/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time','not cold',1);
CREATE TABLE machines (
	id VARCHAR NOT NULL, 
	fingerprint JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "machines" VALUES('4cc60adb733b','{"build_type": "Release", "cpu_model": "AMD EPYC 9B14", "cpus_online": "2", "device": "vda", "device_read_ahead_kib": "8192", "filesystem": "ext4", "hypervisor": "KVMKVMKVM", "memory_gib": "24", "page_bytes": "4096", "system": "Linux x86_64"}');
CREATE TABLE noise (
	machine VARCHAR NOT NULL, 
	"row" VARCHAR NOT NULL, 
	date DATETIME NOT NULL, 
	noise FLOAT NOT NULL, 
	PRIMARY KEY (machine, "row", date), 
	FOREIGN KEY(machine) REFERENCES machines (id)
);
INSERT INTO "noise" VALUES('4cc60adb733b','scan/exec:async/io:mmap/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time','2026-11-03 10:00:00.000000',0.02);
CREATE TABLE pagestall_schema (
	version INTEGER NOT NULL
);
INSERT INTO "pagestall_schema" VALUES(1);
CREATE TABLE repetitions (
	run INTEGER NOT NULL, 
	"row" VARCHAR NOT NULL, 
	"index" INTEGER NOT NULL, 
	seconds FLOAT NOT NULL, 
	counters JSON NOT NULL, 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "repetitions" VALUES(1,'scan/exec:async/io:mmap/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time',0,1.0,'{"blocked_ms": 3.0}');
INSERT INTO "repetitions" VALUES(1,'scan/exec:async/io:mmap/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time',1,1.01,'{"blocked_ms": 3.0}');
INSERT INTO "repetitions" VALUES(1,'scan/exec:async/io:mmap/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time',2,0.99,'{"blocked_ms": 3.0}');
INSERT INTO "repetitions" VALUES(2,'scan/exec:async/io:mmap/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time',0,1.0,'{"blocked_ms": 3.0}');
INSERT INTO "repetitions" VALUES(2,'scan/exec:async/io:mmap/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time',1,1.01,'{"blocked_ms": 3.0}');
INSERT INTO "repetitions" VALUES(2,'scan/exec:async/io:mmap/cache:cold/files:8/mib:256/stride:512/iterations:1/real_time',2,0.99,'{"blocked_ms": 3.0}');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	machine VARCHAR NOT NULL, 
	"commit" VARCHAR NOT NULL, 
	date DATETIME NOT NULL, 
	binary VARCHAR NOT NULL, 
	context JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest), 
	FOREIGN KEY(machine) REFERENCES machines (id)
);
INSERT INTO "runs" VALUES(1,'308ab9b8e51e8c20ca73cd9f07214fd0d892a81508b93165b75065d837f96250','4cc60adb733b','c0ffee1','2026-11-01 10:00:00.000000','article_bench','{"date": "2026-11-01T10:00:00+00:00", "host_name": "bench", "executable": "build/release/bench/article_bench", "num_cpus": 2, "mhz_per_cpu": 2450, "cpu_scaling_enabled": false, "load_avg": [0.1, 0.2, 0.3], "library_build_type": "release", "kernel": "Linux 6.18.5 x86_64", "cpu_model": "AMD EPYC 9B14", "cpus_online": "2", "memory_mib": "24000", "hypervisor": "KVMKVMKVM", "page_bytes": "4096", "build_type": "Release", "commit": "c0ffee1", "seed": "1", "evict": "fadvise", "filesystem": "ext4", "device": "vda", "device_read_ahead_kib": "8192"}');
INSERT INTO "runs" VALUES(2,'a07ec0ae185bebfa8cf4bcabdd05dc812ddc1ef96155421310f2e687be5da298','4cc60adb733b','c0ffee2','2026-11-02 10:00:00.000000','article_bench','{"date": "2026-11-02T10:00:00+00:00", "host_name": "bench", "executable": "build/release/bench/article_bench", "num_cpus": 2, "mhz_per_cpu": 2450, "cpu_scaling_enabled": false, "load_avg": [0.1, 0.2, 0.3], "library_build_type": "release", "kernel": "Linux 6.18.5 x86_64", "cpu_model": "AMD EPYC 9B14", "cpus_online": "2", "memory_mib": "24000", "hypervisor": "KVMKVMKVM", "page_bytes": "4096", "build_type": "Release", "commit": "c0ffee2", "seed": "1", "evict": "fadvise", "filesystem": "ext4", "device": "vda", "device_read_ahead_kib": "8192"}');
CREATE INDEX runs_of_machine ON runs (machine, date);
CREATE INDEX repetitions_of_run ON repetitions (run, "row");
CREATE INDEX errors_of_run ON errors (run);
COMMIT;
