import { expect, test } from 'vitest'
import { z } from 'zod'
import { elasticsearchEnvironment, elasticsearchSettings } from './settings.ts'

const read = (env: Record<string, string>) => elasticsearchSettings(z.object(elasticsearchEnvironment).parse(env))
const ELASTICSEARCH_URL = 'http://127.0.0.1:9200'

test('without an address there is no Elasticsearch', () => {
  expect(read({})).toBeNull()
})

test('an address alone is enough; several are nodes of one cluster', () => {
  const rest = { auth: null, ca: null, prefix: 'tideline', shards: 1, replicas: null }
  expect(read({ ELASTICSEARCH_URL })).toEqual({ urls: [ELASTICSEARCH_URL], ...rest })
  const two = read({ ELASTICSEARCH_URL: `${ELASTICSEARCH_URL}, https://search.example` })
  expect(two?.urls).toEqual([ELASTICSEARCH_URL, 'https://search.example'])
})

test('key, prefix, shards and copies are taken', () => {
  const env = {
    ...{ ELASTICSEARCH_URL, ELASTICSEARCH_API_KEY: 'not-a-real-key', ELASTICSEARCH_PREFIX: 'staging' },
    ...{ ELASTICSEARCH_SHARDS: '6', ELASTICSEARCH_REPLICAS: '2' },
  }
  expect(read(env)).toMatchObject({ auth: { apiKey: 'not-a-real-key' }, prefix: 'staging', shards: 6, replicas: 2 })
})

test('a user and a password stand instead of a key, and together', () => {
  const user = { ELASTICSEARCH_USERNAME: 'tideline', ELASTICSEARCH_PASSWORD: 'not a real one' }
  expect(read({ ELASTICSEARCH_URL, ...user })?.auth).toEqual({ username: 'tideline', password: 'not a real one' })
  expect(() => read({ ELASTICSEARCH_URL, ELASTICSEARCH_USERNAME: 'only' })).toThrow('belong together')
  expect(() => read({ ELASTICSEARCH_URL, ...user, ELASTICSEARCH_API_KEY: 'not-a-real-key' })).toThrow('instead of')
})

test('what could not be an address or the name of an index is refused', () => {
  for (const wrong of [
    { ELASTICSEARCH_URL: 'elsewhere:9200' },
    { ELASTICSEARCH_URL: 'postgres://elsewhere' },
    { ELASTICSEARCH_URL, ELASTICSEARCH_PREFIX: 'Tideline' },
    { ELASTICSEARCH_URL, ELASTICSEARCH_PREFIX: '_all' },
    { ELASTICSEARCH_URL, ELASTICSEARCH_SHARDS: '0' },
  ]) {
    expect(() => read(wrong)).toThrow()
  }
})
