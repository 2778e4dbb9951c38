/** A Kafka broker that is its own controller (KRaft), as plain jars on the machine's Java. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Launch } from '../cluster/process.ts'
import type { Server } from '../cluster/profiles.ts'
import { KAFKA_CLUSTER_ID, kafkaDurability } from '../cluster/settings.ts'
import { findJava, runTool } from '../cluster/tools.ts'
import { PACKAGES, VERSIONS } from '../cluster/versions.ts'
import type { NativeEngine, Site } from './engine.ts'
import { copyJars } from './maven.ts'

const JVM = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError']

/** Warnings and worse, and the one line that tells the version. */
const LOGGING = `status = error
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %m (%c{1})%n%throwable
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
logger.version.name = org.apache.kafka.common.utils
logger.version.level = info
`

export const kafka: NativeEngine = {
  source: 'Maven repository, 65 MB',
  folder: `kafka-${VERSIONS.kafka}`,
  install: (into) => copyJars(PACKAGES.kafka.jars, into),
  launch: (site) => launchKafka(site),
}

/** What a test's broker has beside a cluster's. */
export interface KafkaExtras {
  /** More of server.properties, or other values. */
  properties?: Readonly<Record<string, string>>
  /** Users that sign in by SCRAM, as kafka-storage.sh takes them: `SCRAM-SHA-512=[name=…,password=…]`. */
  scram?: readonly string[]
}

export async function launchKafka(
  site: Site,
  { properties: more = {}, scram = [] }: KafkaExtras = {},
): Promise<Launch> {
  const { home, software, server, cluster } = site
  const java = await findJava(`Kafka ${VERSIONS.kafka} runs on Java 17 or newer`, (major) => major >= 17)
  const properties = join(home, 'server.properties')
  writeFileSync(properties, render({ ...kafkaProperties(server, cluster.servers, join(home, 'log')), ...more }))
  writeFileSync(join(home, 'log4j2.properties'), LOGGING)
  const base = [...JVM, `-Dlog4j2.configurationFile=${join(home, 'log4j2.properties')}`]
  const classPath = ['-cp', join(software, 'jars', '*')]
  if (!existsSync(join(home, 'log', 'meta.properties'))) {
    const users = scram.flatMap((user) => ['--add-scram', user])
    const format = ['format', '--cluster-id', KAFKA_CLUSTER_ID, '--config', properties, ...users]
    await runTool(java, [...base, ...classPath, 'kafka.tools.StorageTool', ...format])
  }
  return { command: java, args: [...base, ...classPath, 'kafka.Kafka', properties] }
}

/** server.properties of a broker among its siblings. */
export function kafkaProperties(server: Server, all: readonly Server[], logDir: string): Record<string, string> {
  const brokers = all.filter((other) => other.kind === 'kafka')
  const id = (broker: Server) => brokers.indexOf(broker) + 1
  const listeners = `PLAINTEXT://127.0.0.1:${server.port},CONTROLLER://127.0.0.1:${server.inner.controller}`
  return {
    'process.roles': 'broker,controller',
    'node.id': String(brokers.findIndex((broker) => broker.name === server.name) + 1),
    'controller.quorum.voters': brokers.map((broker) => `${id(broker)}@127.0.0.1:${broker.inner.controller}`).join(','),
    listeners,
    'advertised.listeners': listeners,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': logDir,
    ...kafkaDurability(brokers.length),
    // A small machine.
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '4',
    'log.cleaner.dedupe.buffer.size': '4194304',
  }
}

const render = (properties: Record<string, string>) =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
