import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { failuresIn, unlessVoid } from './bench.ts'
import { isWhole } from './feed/serving.ts'
import { load } from './load.ts'

const page = (items: number) => JSON.stringify({ items: Array.from({ length: items }, () => ({ reason: 'follow' })) })

/** Answers a page as its path has it: /<status>/<items>, degraded where a query says so. */
const server = createServer(({ url = '' }, response) => {
  const [, status, items] = url.split(/[/?]/)
  if (url.includes('?')) response.setHeader('Tideline-Degraded', 'late')
  response.statusCode = Number(status)
  response.end(status === '304' ? undefined : page(Number(items)))
})
let address = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  address = `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`
})
afterAll(() => server.close())

const asked = (path: string) =>
  load(address, () => ({ path }), 1, { connections: 1, isRight: (body, headers) => isWhole(body, headers, 3) })

it('fails every page that is short, degraded or refused, and counts pages that were not modified', async () => {
  const [whole, short, degraded, refused, same] = await Promise.all(
    ['/200/3', '/200/2', '/200/3?degraded', '/503/3', '/304/0'].map(asked),
  )
  expect(whole).toMatchObject({ failures: 0, notModified: 0 })
  for (const run of [short, degraded, refused]) expect(run?.failures).toBe(run?.requests)
  expect(same).toMatchObject({ failures: 0, notModified: same?.requests })
  for (const run of [whole, short, degraded, refused, same]) expect(run?.requests).toBeGreaterThan(0)
})

it('a caption that speaks of reasons is no item', () => {
  expect(isWhole(JSON.stringify({ items: [{ caption: '"reason":"', reason: 'follow' }] }), {}, 1)).toBe(true)
})

it('figures of a run with failures are null, and it is said why', () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  expect(unlessVoid(failuresIn(1), { cpuMs: 0.5 })).toEqual({ cpuMs: null })
  expect(said.mock.calls.flat().join()).toContain('1 answers')
  expect(unlessVoid(failuresIn(0), { cpuMs: 0.5 })).toEqual({ cpuMs: 0.5 })
  said.mockRestore()
})
