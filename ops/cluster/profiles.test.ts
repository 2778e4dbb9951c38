import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { stagesOf } from './lifecycle.ts'
import { chosen, PORT_OFFSET, PROFILES, type Server, serversOf, TEST_PORT_OFFSET } from './profiles.ts'
import { slotRanges } from './settle.ts'
import type { Kind } from './versions.ts'

const portsOf = (servers: readonly Server[]) => servers.flatMap(({ port, inner }) => [port, ...Object.values(inner)])
const count = (servers: readonly Server[], kind: Kind) => servers.filter((server) => server.kind === kind).length

describe('a profile', () => {
  it('small is one of each, six gigabytes at the most', () => {
    const small = serversOf('small')
    expect(small.map(({ kind }) => kind).sort()).toEqual(
      ['cassandra', 'elasticsearch', 'kafka', 'postgres', 'seaweedfs', 'valkey'].sort(),
    )
    expect(small.reduce((sum, { memoryMb }) => sum + memoryMb, 0)).toBeLessThanOrEqual(6 * 1_024)
  })

  it('cluster is three brokers, six Valkey nodes, two shards of Postgres with a standby each, and one of the others', () => {
    const cluster = serversOf('cluster')
    const numbers = {
      kafka: 3,
      valkey: 6,
      postgres: 4,
      cassandra: 1,
      elasticsearch: 1,
      seaweedfs: 1,
      minio: 0,
    } as const
    for (const [kind, number] of Object.entries(numbers)) expect(count(cluster, kind as Kind), kind).toBe(number)
    const follows = cluster.flatMap((server) => (server.follows === undefined ? [] : [[server.name, server.follows]]))
    expect(follows).toEqual([
      ['postgres-1-replica', 'postgres-1'],
      ['postgres-2-replica', 'postgres-2'],
    ])
  })

  it('takes MinIO in the place of SeaweedFS when asked', () => {
    expect(count(serversOf('small', 'minio'), 'minio')).toBe(1)
    expect(count(serversOf('small', 'minio'), 'seaweedfs')).toBe(0)
  })

  it.each(PROFILES)(
    '%s uses each port once, below those for outgoing connections, and none of npm start',
    (profile) => {
      const ports = [...portsOf(serversOf(profile)), ...portsOf(serversOf(profile, 'minio'))]
      const own = portsOf(serversOf(profile))
      expect(new Set(own).size).toBe(own.length)
      for (const port of ports) expect(port).toBeLessThan(32_768)
      // Those of the README: of `npm start`, and of a second one beside it.
      const readme = readFileSync('README.md', 'utf8')
      for (const port of ports)
        expect(readme.includes(`=${port}`) || readme.includes(`| ${port} `), `${port}`).toBe(false)
    },
  )

  it('has other ports for tests, so that they run beside a cluster that is up', () => {
    const everyPort = (offset: number) =>
      PROFILES.flatMap((profile) => portsOf(serversOf(profile, 'seaweedfs', offset)))
    const tests = everyPort(TEST_PORT_OFFSET)
    expect(tests.filter((port) => everyPort(PORT_OFFSET).includes(port))).toEqual([])
    expect(Math.max(...tests)).toBeLessThan(32_768)
  })

  it('brings up what is followed before its followers', () => {
    const stages = stagesOf(serversOf('cluster').filter(({ kind }) => kind === 'postgres'))
    expect(stages.map((stage) => stage.map(({ name }) => name))).toEqual([
      ['postgres-1', 'postgres-2'],
      ['postgres-1-replica', 'postgres-2-replica'],
    ])
  })
})

describe('names on the command line', () => {
  const cluster = serversOf('cluster')
  it('mean a server, or all of a kind, or all of the profile', () => {
    expect(chosen(cluster, ['kafka-2']).map(({ name }) => name)).toEqual(['kafka-2'])
    expect(chosen(cluster, ['valkey'])).toHaveLength(6)
    expect(chosen(cluster, [])).toEqual(cluster)
  })
  it('that mean nothing are refused with those that do', () => {
    expect(() => chosen(cluster, ['redis'])).toThrow(/no server "redis".*kafka-1.*s3/)
  })
})

it('gives the slots of a Valkey Cluster to its masters without gap or overlap', () => {
  expect(slotRanges(3)).toEqual([
    [0, 5_460],
    [5_461, 10_921],
    [10_922, 16_383],
  ])
})
