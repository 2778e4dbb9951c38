import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { serversOf } from '../cluster/profiles.ts'
import { KINDS, VERSIONS } from '../cluster/versions.ts'
import { cassandraYaml } from './cassandra.ts'
import { elasticsearchYaml } from './elasticsearch.ts'
import { ENGINES } from './index.ts'
import { kafkaProperties } from './kafka.ts'
import { execution, pomOf } from './maven.ts'
import { movePostgres, postgresSettings, shelter, unprivileged } from './postgres.ts'
import { seaweedArgs } from './seaweedfs.ts'
import { valkeySettings } from './valkey.ts'

const small = serversOf('small')
const cluster = serversOf('cluster')
const named = (name: string) => [...small, ...cluster].find((server) => server.name === name) ?? expect.fail(name)

describe('a native server', () => {
  it('of every kind is installed under a name that tells its version', () => {
    for (const kind of KINDS) {
      expect(ENGINES[kind].folder.replaceAll('-', ''), kind).toContain(VERSIONS[kind].replaceAll(/[:-]/g, ''))
    }
  })

  it('Kafka: three brokers are one another’s controllers, keep three copies and ask for two', () => {
    const properties = kafkaProperties(named('kafka-2'), cluster, '/data/log')
    expect(properties).toMatchObject({
      'node.id': '2',
      'controller.quorum.voters': '1@127.0.0.1:27093,2@127.0.0.1:27095,3@127.0.0.1:27097',
      listeners: 'PLAINTEXT://127.0.0.1:27094,CONTROLLER://127.0.0.1:27095',
      'default.replication.factor': '3',
      'min.insync.replicas': '2',
      'auto.create.topics.enable': 'false',
      'log.dirs': '/data/log',
    })
  })

  it('Kafka: one broker asks nobody', () => {
    expect(kafkaProperties(named('kafka'), small, '/data/log')).toMatchObject({
      'node.id': '1',
      'controller.quorum.voters': '1@127.0.0.1:27093',
      'offsets.topic.replication.factor': '1',
      'min.insync.replicas': '1',
    })
  })

  it('Valkey: alone it is no cluster', () => {
    const alone = valkeySettings(named('valkey'), false, '/data')
    expect(alone).toMatchObject({ bind: '127.0.0.1', appendonly: 'yes', appendfsync: 'everysec' })
    expect(Object.keys(alone).some((name) => name.startsWith('cluster'))).toBe(false)
    expect(valkeySettings(named('valkey-3'), true, '/data')).toMatchObject({
      'cluster-enabled': 'yes',
      'cluster-port': '24481',
    })
  })

  it('Cassandra answers a write when it is on disk', () => {
    expect(cassandraYaml(named('cassandra'), '/data')).toMatchObject({
      commitlog_sync: 'batch',
      native_transport_port: 27_042,
      rpc_address: '127.0.0.1',
    })
  })

  it('hears this machine only', () => {
    expect(elasticsearchYaml(named('elasticsearch'), '/data')).toMatchObject({ 'http.host': '127.0.0.1' })
    expect(postgresSettings(named('postgres')).listen_addresses).toBe('127.0.0.1')
    expect(seaweedArgs(named('s3'), '/data', '/data/s3.json')).toContain('-ip.bind=127.0.0.1')
  })

  it('SeaweedFS: every part has the port that is said for it', () => {
    const args = seaweedArgs(named('s3'), '/data', '/data/s3.json').join(' ')
    for (const port of [named('s3').port, ...Object.values(named('s3').inner)]) expect(args).toContain(`=${port}`)
  })
})

describe('Postgres does not run as root', () => {
  const passwd = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\npostgres:x:101:104::/:/bin/bash\n'
  it('and root starts it as postgres, or as nobody', () => {
    expect(unprivileged(0, passwd)).toEqual({ uid: 101, gid: 104 })
    expect(unprivileged(0, passwd.split('\n').slice(0, 2).join('\n'))).toEqual({ uid: 65_534, gid: 65_534 })
    expect(() => unprivileged(0, 'root:x:0:0::/root:/bin/sh')).toThrow(/does not run as root/)
  })
  it('and anybody else as themselves', () => {
    expect(unprivileged(1_000, passwd)).toBeNull()
  })
  it('and a folder that it may not enter has a place elsewhere, always the same', () => {
    expect(shelter('/root/tideline/.tideline/cluster/small/postgres')).toMatch(/^\/var\/tmp\/tideline-postgres-\w{12}$/)
  })
})

describe('the data of a promoted standby', () => {
  const dataIn = (home: string, text: string) => {
    mkdirSync(join(home, 'data'), { recursive: true })
    writeFileSync(join(home, 'data', 'who'), text)
  }
  const whoIn = (folder: string) => readFileSync(join(folder, 'who'), 'utf8')

  it('lie where its primary had its own, which are put aside once', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tideline-move-'))
    const [primary, standby] = [join(folder, 'primary'), join(folder, 'standby')]
    try {
      dataIn(primary, 'first')
      for (const [newer, former] of [
        ['second', 'first'],
        ['third', 'second'],
      ] as const) {
        dataIn(standby, newer)
        movePostgres(standby, primary)
        expect([whoIn(join(primary, 'data')), whoIn(join(primary, 'data.former'))]).toEqual([newer, former])
        expect(existsSync(join(standby, 'data'))).toBe(false)
      }
      expect(() => movePostgres(standby, primary)).toThrow('There is no data')
      expect(whoIn(join(primary, 'data'))).toBe('third')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

it('a Maven project names what is to be fetched and nothing else', () => {
  const pom = pomOf({ dependencies: [['a.b', 'c', '1']] })
  expect(pom).toContain('<dependency><groupId>a.b</groupId><artifactId>c</artifactId><version>1</version></dependency>')
  expect(execution('copy', ['a', 'b', '2'], '', '/into')).toContain('<goal>copy</goal>')
})
