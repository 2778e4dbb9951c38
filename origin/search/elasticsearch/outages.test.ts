/** What the engine makes of an Elasticsearch that is gone, silent, busy or refuses: against servers that behave so. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Problem } from '#core/problem.ts'
import { Unprocessable } from '../../event-log.ts'
import { isAway, isDataFault } from '../../outages.ts'
import { personDocument } from '../documents.ts'
import { searchService } from '../service.ts'
import { sendBulk } from './bulk.ts'
import { elasticsearchClient } from './connection.ts'
import { type ElasticsearchSearch, elasticsearchSearch } from './index.ts'
import type { ElasticsearchSettings } from './settings.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const settingsFor = (port: number): ElasticsearchSettings => ({
  ...{ urls: [`http://127.0.0.1:${port}`], auth: null, ca: null, prefix: 'test', shards: 1, replicas: 0 },
})

function storeAt(port: number): ElasticsearchSearch {
  const store = elasticsearchSearch({ settings: settingsFor(port), clock: Date.now, random: () => 0 })
  closers.push(() => store.close())
  return store
}

/** A server that answers as it is told; null: not at all. */
async function serverThat(answer: (request: IncomingMessage, body: string) => { status: number; body: object } | null) {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const given = answer(request, text)
    if (given === null) return
    response.writeHead(given.status, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' })
    response.end(JSON.stringify(given.body))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

const ana = personDocument({ userId: '1', username: 'ana', displayName: '', deleted: false, version: 1 })

test('while nobody listens, writes are an outage to the log and searches a 503 that says when to come back', async () => {
  const closed = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => closed.once('listening', resolve))
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const store = storeAt(port)
  expect(isAway(await failureOf(store.putPerson(ana)))).toBe(true)
  const refused = await failureOf(searchService(store).users({ q: 'ana', limit: 5, cursor: null }))
  expect(refused).toBeInstanceOf(Problem)
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  expect(isAway(await failureOf(store.ping()))).toBe(true)
})

test('a search of a server that says nothing ends before the edge gives up', async () => {
  const aliases = { 'test-people-000001': { aliases: {} } }
  const port = await serverThat(({ url = '' }) => (url.startsWith('/_alias') ? { status: 200, body: aliases } : null))
  const startedMs = performance.now()
  expect(isAway(await failureOf(storeAt(port).people({ text: 'ana', words: ['ana'] }, null, 5)))).toBe(true)
  expect(performance.now() - startedMs).toBeLessThan(2_000)
})

test.each([429, 500, 502, 503, 504, 401, 403])('status %i is an outage', async (status) => {
  const port = await serverThat(() => ({ status, body: { error: { type: 'some_exception', reason: 'busy' }, status } }))
  const failure = await failureOf(storeAt(port).putPerson(ana))
  expect([isAway(failure), isDataFault(failure)]).toEqual([true, false])
})

const item = (status: number, type?: string) => ({
  index: { _index: 'test', _id: '1', status, ...(type ? { error: { type, reason: 'said so' } } : {}) },
})
const operations = (count: number) =>
  Array.from({ length: count }, (_, i) => [{ index: { _index: 'test', _id: String(i) } }, { id: i }] as const)

test('of one request every document has an outcome of its own, and only those are sent again that were too many', async () => {
  const requests: string[][] = []
  const rounds = [
    [
      item(201),
      item(409, 'version_conflict_engine_exception'),
      item(400, 'document_parsing_exception'),
      item(429, 'es_rejected_execution_exception'),
      item(503, 'unavailable_shards_exception'),
    ],
    [item(201), item(429, 'es_rejected_execution_exception')],
    [item(200)],
  ]
  const port = await serverThat((_, body) => {
    requests.push([...body.matchAll(/"_id":"(\d+)"/g)].map(([, id = '']) => id))
    return { status: 200, body: { errors: true, took: 1, items: rounds[requests.length - 1] ?? [] } }
  })
  const client = elasticsearchClient(settingsFor(port))
  closers.push(() => client.close())
  const outcomes = await sendBulk(client, operations(5), () => 0)
  expect(requests).toEqual([['0', '1', '2', '3', '4'], ['3', '4'], ['4']])
  expect(outcomes.map((outcome) => outcome?.constructor ?? null)).toEqual([null, null, Unprocessable, null, null])
  expect([isAway(outcomes[2]), isDataFault(outcomes[2])]).toEqual([false, true])
})

test('a document that stays too many is an outage to itself only', async () => {
  const port = await serverThat((_, body) => {
    const ids = [...body.matchAll(/"_id":"(\d+)"/g)].map(([, id]) => id)
    return { status: 200, body: { errors: true, took: 1, items: ids.map((id) => item(id === '1' ? 429 : 201)) } }
  })
  const client = elasticsearchClient(settingsFor(port))
  closers.push(() => client.close())
  const [first, second] = await sendBulk(client, operations(2), () => 0)
  expect(first).toBeNull()
  expect(isAway(second)).toBe(true)
})
