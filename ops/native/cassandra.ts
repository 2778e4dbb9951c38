/** One Cassandra node as plain jars on the machine's Java. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '../cluster/profiles.ts'
import { CASSANDRA_DURABILITY } from '../cluster/settings.ts'
import { findJava } from '../cluster/tools.ts'
import { PACKAGES, VERSIONS } from '../cluster/versions.ts'
import type { NativeEngine } from './engine.ts'
import { copyJars } from './maven.ts'

/** Packages of the JDK that Cassandra reaches into; its own jvm17-server.options lists them. */
const EXPORTS = [
  'java.base/jdk.internal.misc',
  'java.base/java.lang.ref',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.sql/java.sql',
  'jdk.unsupported/sun.misc',
  'jdk.attach/sun.tools.attach',
]
const OPENS = [
  'java.base/java.io',
  'java.base/java.lang',
  'java.base/java.lang.module',
  'java.base/java.lang.reflect',
  'java.base/java.util',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.util.jar',
  'java.base/sun.nio.ch',
  'jdk.management/com.sun.management.internal',
]

const JVM = [
  ...EXPORTS.flatMap((name) => ['--add-exports', `${name}=ALL-UNNAMED`]),
  ...OPENS.flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]),
  ...['-Xms128m', '-Xmx640m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'],
  '-Djdk.attach.allowAttachSelf=true',
  '-Dio.netty.tryReflectionSetAccessible=true',
  // Without it, Cassandra closes its output once it is up, and the log ends.
  '-Dcassandra-foreground=yes',
  // One node waits for nobody, when it comes and when it goes.
  '-Dcassandra.skip_wait_for_gossip_to_settle=0',
  '-Dcassandra.ring_delay_ms=0',
  '-Dcassandra.shutdown_announce_in_ms=0',
  '-Dcassandra.superuser_setup_delay_ms=0',
  // What it would measure for two seconds at each start.
  '-Dcassandra.memtable.row_overhead_size=180',
]

const LOGGING = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level [%thread] %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
`

export const cassandra: NativeEngine = {
  source: 'Maven repository, 92 MB',
  folder: `cassandra-${VERSIONS.cassandra}`,
  install: (into) => copyJars(PACKAGES.cassandra.jars, into),
  async launch({ server, software, home }) {
    const java = await findJava(`Cassandra ${VERSIONS.cassandra} runs on Java 17`, (major) => major === 17)
    const configuration = join(home, 'cassandra.yaml')
    const logging = join(home, 'logback.xml')
    // JSON is YAML, too.
    writeFileSync(configuration, JSON.stringify(cassandraYaml(server, home), null, 2))
    writeFileSync(logging, LOGGING)
    return {
      command: java,
      args: [
        ...JVM,
        `-Dlogback.configurationFile=${logging}`,
        `-Dcassandra.config=file://${configuration}`,
        `-Dcassandra.storagedir=${home}`,
        ...['-cp', join(software, 'jars', '*'), 'org.apache.cassandra.service.CassandraDaemon'],
      ],
    }
  },
}

/** cassandra.yaml of the one node. */
export function cassandraYaml(server: Server, home: string): Record<string, unknown> {
  const storage = server.inner.storage
  const simpleSeeds = 'org.apache.cassandra.locator.SimpleSeedProvider'
  return {
    cluster_name: 'tideline',
    partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
    num_tokens: 1,
    initial_token: 0,
    endpoint_snitch: 'SimpleSnitch',
    seed_provider: [{ class_name: simpleSeeds, parameters: [{ seeds: `127.0.0.1:${storage}` }] }],
    listen_address: '127.0.0.1',
    storage_port: storage,
    rpc_address: '127.0.0.1',
    native_transport_port: server.port,
    data_file_directories: [join(home, 'data')],
    commitlog_directory: join(home, 'commitlog'),
    hints_directory: join(home, 'hints'),
    saved_caches_directory: join(home, 'saved_caches'),
    ...CASSANDRA_DURABILITY,
    commitlog_segment_size: '16MiB',
    commitlog_total_space: '256MiB',
    // A new node: today's formats, with no older node to care for.
    storage_compatibility_mode: 'NONE',
    // Tests drop and truncate; a snapshot of each would fill the disk.
    auto_snapshot: false,
    // A busy small machine needs more patience than the defaults of one to five seconds.
    read_request_timeout: '10s',
    range_request_timeout: '20s',
    write_request_timeout: '10s',
    counter_write_request_timeout: '10s',
    cas_contention_timeout: '5s',
    truncate_request_timeout: '60s',
    request_timeout: '20s',
    concurrent_reads: 16,
    concurrent_writes: 16,
    concurrent_counter_writes: 16,
    concurrent_compactors: 1,
    key_cache_size: '8MiB',
    counter_cache_size: '4MiB',
    file_cache_size: '32MiB',
  }
}
