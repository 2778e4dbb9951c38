/** ops/compose.yaml cannot be run where there is no Docker engine; what can be said of it without one is said here. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { MINIO_ENVIRONMENT, MINIO_LDFLAGS } from '../native/minio.ts'
import { s3Identities } from '../native/seaweedfs.ts'
import { serviceOf } from './docker.ts'
import { PROFILES, type Server, serversOf } from './profiles.ts'
import {
  CASSANDRA_DURABILITY,
  ELASTICSEARCH_SETTINGS,
  KAFKA_CLUSTER_ID,
  kafkaDurability,
  POSTGRES_DATABASE,
  POSTGRES_INITDB_ARGS,
  POSTGRES_SETTINGS,
  POSTGRES_USER,
  standbyName,
  VALKEY_CLUSTER_SETTINGS,
  VALKEY_SETTINGS,
} from './settings.ts'
import { IMAGES, MINIO_MODULE } from './versions.ts'

const service = z.looseObject({
  image: z.string().optional(),
  build: z.object({ dockerfile_inline: z.string() }).optional(),
  profiles: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  command: z.union([z.string(), z.array(z.string())]).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }),
  mem_limit: z.string(),
  network_mode: z.string().optional(),
})
const compose = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
  configs: z.record(z.string(), z.object({ content: z.string() })),
})

const file = parse(readFileSync('ops/compose.yaml', 'utf8'), { merge: true }) as unknown
const { services, volumes, configs } = compose.parse(file)

const everywhere = [...PROFILES.flatMap((profile) => serversOf(profile)), ...serversOf('small', 'minio')]
const servers = [...new Map(everywhere.map((server) => [serviceOf(server), server])).values()]
const of = (kind: Server['kind']) => servers.filter((server) => server.kind === kind)
const the = (server: Server) => services[serviceOf(server)] ?? expect.fail(`no service for ${server.name}`)
const commandOf = (server: Server) => [the(server).command].flat().join(' ')

describe('compose.yaml', () => {
  it('is valid by the schema of the Compose specification', () => {
    const schema = JSON.parse(readFileSync('ops/cluster/schema/compose-spec.json', 'utf8')) as object
    // Its formats (duration, ports …) are Compose's own; the rest of it is checked.
    const validate = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(schema)
    validate(file)
    expect(validate.errors ?? []).toEqual([])
  })

  it('has a service for every server of every profile, and beside them only the network of the Valkey nodes', () => {
    expect(Object.keys(services).sort()).toEqual([...servers.map(serviceOf), 'valkey-net'].sort())
    for (const profile of PROFILES) {
      const inProfile = Object.entries(services).filter(([, { profiles }]) => profiles.includes(profile))
      const names = inProfile.map(([name]) => name).filter((name) => name !== 'valkey-net')
      expect(names.sort()).toEqual(serversOf(profile).map(serviceOf).sort())
    }
  })

  it('names the versions that the native way installs', () => {
    for (const server of servers) {
      if (server.kind !== 'minio') expect(the(server).image, server.name).toBe(IMAGES[server.kind])
    }
    const dockerfile = services['s3-minio']?.build?.dockerfile_inline
    expect(dockerfile).toContain(MINIO_MODULE)
    expect(dockerfile).toContain(MINIO_LDFLAGS)
  })

  it('publishes each server on 127.0.0.1 and on the port that is said for it, and nothing else', () => {
    const published = (name: string) => services[name]?.ports.map((port) => port.split(':').slice(0, 2).join(':'))
    for (const server of servers) {
      const owner = the(server).network_mode?.replace('service:', '') ?? serviceOf(server)
      expect(published(owner), server.name).toContain(`127.0.0.1:${server.port}`)
      if (owner === serviceOf(server)) expect(published(owner)).toHaveLength(1)
    }
    expect(published('valkey-net')).toHaveLength(6)
  })

  it('keeps data in a volume of each server, checks its health and bounds its memory', () => {
    expect(Object.keys(volumes).sort()).toEqual(servers.map(serviceOf).sort())
    for (const server of servers) {
      expect(the(server).volumes.map((volume) => volume.split(':')[0])).toEqual([serviceOf(server)])
      expect(the(server).healthcheck.test.length, server.name).toBeGreaterThan(1)
      expect(the(server).mem_limit, server.name).toBe(`${server.memoryMb}m`)
    }
  })
})

/** Words that docs/guides/deploy.md sets as code: names, without their values. `…_MIN_ISR` stands for all that end so. */
const explained = new Set(
  [...readFileSync('docs/guides/deploy.md', 'utf8').matchAll(/`([^`\n]+)`/g)].flatMap(([, code = '']) =>
    code.split(/[\s=,]+/),
  ),
)
const isExplained = (name: string) => {
  const short = name.replace(/^(KAFKA|MINIO)_/, '').replace(/^CALLHOME_ENABLE$/, 'CALLHOME')
  return [...explained].some(
    (word) => word === name || word === short || (word[0] === '…' && name.endsWith(word.slice(1))),
  )
}
/** `--port 1`, `-dir=/data`, `-c name=value`, `-Dcassandra.settings.name=value` → `port`, `-dir`, `name`, `name`. */
function flagsIn(line: string): string[] {
  const words = line.split(/\s+/)
  return words.flatMap((word, n) => {
    if (words[n - 1] === '-c') return [word.split('=')[0] ?? '']
    if (word === '-c' || !word.startsWith('-') || word === '-1') return []
    const name = word.split('=')[0] ?? ''
    if (name.startsWith('-D')) return [name.split('.').at(-1) ?? '']
    return [name.startsWith('--') && line.startsWith('valkey-server') ? name.slice(2) : name]
  })
}

describe('docs/guides/deploy.md', () => {
  it.each(Object.entries(services))('explains every key, setting and flag of %s', (_, one) => {
    const build = one.build?.dockerfile_inline ?? ''
    const names = [
      ...Object.keys(one),
      ...Object.keys(one.environment),
      ...flagsIn([one.command].flat().join(' ')),
      ...flagsIn(one.environment.JVM_EXTRA_OPTS ?? ''),
      ...(build.match(/-trimpath|-ldflags|CGO_ENABLED/g) ?? []),
    ]
    // One of these may be given to several services: Compose's own word for them.
    expect(names.filter((name) => !isExplained(name))).toEqual([])
  })
})

describe('what makes writes durable is the same in compose.yaml as natively', () => {
  it('for Kafka', () => {
    for (const profile of PROFILES) {
      const brokers = serversOf(profile).filter((server) => server.kind === 'kafka')
      for (const [index, broker] of brokers.entries()) {
        const { environment } = the(broker)
        expect(environment.CLUSTER_ID).toBe(KAFKA_CLUSTER_ID)
        expect(environment.KAFKA_NODE_ID).toBe(String(index + 1))
        expect(environment.KAFKA_ADVERTISED_LISTENERS).toContain(`HOST://127.0.0.1:${broker.port}`)
        for (const [name, value] of Object.entries(kafkaDurability(brokers.length))) {
          expect(environment[`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`], name).toBe(value)
        }
      }
    }
  })

  it('for Valkey, alone and in a cluster', () => {
    const flags = (settings: Record<string, string>) =>
      Object.entries(settings).map(([name, value]) => `--${name} ${value === '' ? '""' : value}`)
    for (const server of of('valkey')) {
      const clustered = server.name === 'valkey' ? [] : flags(VALKEY_CLUSTER_SETTINGS)
      const expected = [`--port ${server.port}`, ...flags(VALKEY_SETTINGS), ...clustered]
      for (const flag of expected) expect(commandOf(server)).toContain(flag)
      if (server.name !== 'valkey') expect(commandOf(server)).toContain(`--cluster-port ${server.inner.bus}`)
    }
  })

  it('for Postgres, whose replicas follow their primaries under the names these wait for', () => {
    for (const server of of('postgres')) {
      const { environment } = the(server)
      expect(environment).toMatchObject({ POSTGRES_USER, POSTGRES_DB: POSTGRES_DATABASE })
      expect(environment.POSTGRES_INITDB_ARGS).toBe(POSTGRES_INITDB_ARGS.join(' '))
      expect(environment.PRIMARY).toBe(server.follows)
      const settings = { cluster_name: standbyName(server), ...POSTGRES_SETTINGS }
      for (const [name, value] of Object.entries(settings)) expect(commandOf(server)).toContain(`-c ${name}=${value}`)
    }
  })

  it('for Cassandra and Elasticsearch', () => {
    const options = services.cassandra?.environment.JVM_EXTRA_OPTS
    for (const [name, value] of Object.entries(CASSANDRA_DURABILITY)) {
      expect(options).toContain(`-Dcassandra.settings.${name}=${value}`)
    }
    expect(services.elasticsearch?.environment).toMatchObject(ELASTICSEARCH_SETTINGS)
  })

  it('for the S3 servers: the same key may do the same', () => {
    const secrets = { S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'key' }
    const content = configs['s3-identities']?.content
      .replaceAll(/\$\{S3_ACCESS_KEY_ID:\?[^}]*\}/g, secrets.S3_ACCESS_KEY_ID)
      .replaceAll(/\$\{S3_SECRET_ACCESS_KEY:\?[^}]*\}/g, secrets.S3_SECRET_ACCESS_KEY)
    expect(JSON.parse(content ?? '')).toEqual(s3Identities(secrets))
    expect(services['s3-minio']?.environment).toMatchObject(MINIO_ENVIRONMENT)
  })
})
