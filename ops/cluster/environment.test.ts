import { describe, expect, it } from 'vitest'
import { settingsFor } from './environment.ts'
import { serversOf } from './profiles.ts'

const secrets = { POSTGRES_PASSWORD: 'pw', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'key' }

describe('the settings of a cluster', () => {
  it('name every engine of the small profile', () => {
    expect(settingsFor(serversOf('small'), secrets)).toEqual({
      DATABASE_URLS: 'postgres://tideline:pw@127.0.0.1:23432/tideline',
      REDIS_URL: 'redis://127.0.0.1:24379',
      KAFKA_BROKERS: '127.0.0.1:27092',
      CASSANDRA_CONTACT_POINTS: '127.0.0.1:27042',
      CASSANDRA_DATACENTER: 'datacenter1',
      ELASTICSEARCH_URL: 'http://127.0.0.1:27200',
      S3_ENDPOINT: 'http://127.0.0.1:26333',
      S3_BUCKET: 'tideline-media',
      S3_REGION: 'us-east-1',
      S3_ACCESS_KEY_ID: 'id',
      S3_SECRET_ACCESS_KEY: 'key',
    })
  })

  it('name shards and replicas in their order, and every node of what is a cluster', () => {
    const settings = settingsFor(serversOf('cluster'), secrets)
    const database = (port: number) => `postgres://tideline:pw@127.0.0.1:${port}/tideline`
    expect(settings.DATABASE_URLS).toBe(`${database(23_432)},${database(23_434)}`)
    expect(settings.DATABASE_REPLICA_URLS).toBe(`${database(23_433)},${database(23_435)}`)
    expect(settings.REDIS_URL?.split(',')).toHaveLength(6)
    expect(settings.KAFKA_BROKERS).toBe('127.0.0.1:27092,127.0.0.1:27094,127.0.0.1:27096')
  })

  it('leave the place of a replica empty that is not up: those after it keep theirs', () => {
    const servers = serversOf('cluster').filter(({ name }) => name !== 'postgres-1-replica')
    expect(settingsFor(servers, secrets).DATABASE_REPLICA_URLS).toBe(',postgres://tideline:pw@127.0.0.1:23435/tideline')
  })

  it('say of a node of a cluster that it is one, though it is up alone', () => {
    const [node] = serversOf('cluster').filter(({ kind }) => kind === 'valkey')
    expect(settingsFor(node === undefined ? [] : [node], secrets)).toEqual({
      REDIS_URL: 'redis+cluster://127.0.0.1:24379',
    })
  })

  it('leave out what is not up, so that it stays embedded', () => {
    const valkeyOnly = serversOf('small').filter(({ kind }) => kind === 'valkey')
    expect(settingsFor(valkeyOnly, secrets)).toEqual({ REDIS_URL: 'redis://127.0.0.1:24379' })
  })
})
