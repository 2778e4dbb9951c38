import { expect, test } from 'vitest'
import { z } from 'zod'
import { cassandraEnvironment, cassandraSettings } from './settings.ts'

const read = (env: Record<string, string>, production = false) =>
  cassandraSettings(z.object(cassandraEnvironment).parse(env), production)
const CASSANDRA_CONTACT_POINTS = 'one.example:9042, 10.0.0.2'

test('without contact points there is no Cassandra', () => {
  expect(read({})).toBeNull()
})

test('contact points alone are enough to develop with', () => {
  expect(read({ CASSANDRA_CONTACT_POINTS })).toMatchObject({
    contactPoints: ['one.example:9042', '10.0.0.2'],
    datacenter: 'datacenter1',
    keyspace: 'tideline',
    replication: { datacenter1: 1 },
    readConsistency: 'LOCAL_ONE',
    writeConsistency: 'LOCAL_QUORUM',
    serialConsistency: 'LOCAL_SERIAL',
    bucketRows: { likes: 50_000 },
  })
})

test('production says how many copies, where', () => {
  expect(() => read({ CASSANDRA_CONTACT_POINTS }, true)).toThrow('CASSANDRA_REPLICATION')
  const env = { CASSANDRA_CONTACT_POINTS, CASSANDRA_REPLICATION: 'datacenter1:3, far:2' }
  expect(read(env, true)?.replication).toEqual({ datacenter1: 3, far: 2 })
  expect(() => read({ ...env, CASSANDRA_DATACENTER: 'other' })).toThrow('CASSANDRA_DATACENTER')
})

test('a name that could be CQL is none', () => {
  for (const CASSANDRA_KEYSPACE of ['x; DROP', 'Tideline', '1st', '']) {
    expect(() => read({ CASSANDRA_CONTACT_POINTS, CASSANDRA_KEYSPACE })).toThrow()
  }
  expect(() => read({ CASSANDRA_CONTACT_POINTS, CASSANDRA_REPLICATION: "d'c:3" })).toThrow()
  expect(() => read({ CASSANDRA_CONTACT_POINTS, CASSANDRA_READ_CONSISTENCY: 'ANY' })).toThrow()
  expect(() => read({ CASSANDRA_CONTACT_POINTS, CASSANDRA_USERNAME: 'only' })).toThrow('belong together')
})
