import { createServer } from 'node:http'
import { expect, test, vi } from 'vitest'
import { openClient, PATIENCE_MS } from './client.ts'
import { figures, type Step } from './figures.ts'
import { createLatencies } from './step.ts'

test('who gets no answer has waited as long as anybody would, however quickly it failed', () => {
  const latencies = createLatencies()
  for (let i = 0; i < 98; i++) latencies.answered('home', 20)
  latencies.failed('home', 1)
  latencies.failed('home', PATIENCE_MS + 500)
  const { home, all, user } = latencies.percentiles()
  expect(home.p50Ms).toBeCloseTo(20, 0)
  expect(home.count).toBe(100)
  for (const { p99Ms } of [home, all]) expect(p99Ms).toBeGreaterThanOrEqual(PATIENCE_MS)
  expect(all.maxMs).toBeGreaterThanOrEqual(PATIENCE_MS + 500)
  expect(user.count).toBe(0)
})

test('who still waits when the client closes hears that there is no answer', async () => {
  let asked = 0
  const silent = createServer(() => {
    asked++
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const bound = silent.address()
  const client = openClient(`http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`)
  const waiting = Promise.allSettled([client.ask({ path: '/' }), client.ask({ path: '/' })])
  await expect.poll(() => asked).toBe(2)
  client.close()
  expect((await waiting).map((one) => one.status === 'rejected' && String(one.reason))).toEqual(
    Array(2).fill('Error: no answer before the end'),
  )
  silent.close()
})

const none = { count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 }
const quick = { ...none, count: 200, p50Ms: 5, p99Ms: 20 }

const step = (over: Partial<Step> = {}): Step => ({
  ...{
    seconds: 1,
    pages: 100,
    pagesServed: 100,
    images: 100,
    imagesServed: 100,
    imageCacheHits: 99,
    imageCacheMisses: 1,
  },
  ...{ errors: 0, degraded: 0, faults: {}, cpuMs: 1, cpu: { api: 100 }, lag: { ...none, p99Ms: 2 } },
  latency: { home: quick, user: quick, compose: quick, image: quick, all: quick },
  ...over,
})

const rates = { timeline: 0.9, post: 0.9, isolate: 0.5, picture: 0.9 }
const of = (half: Step) => figures({ helloRps: 1_000, best: step(), bestRate: 100, half, rates, steps: [step()] })

test('the figures of the half rate are those of a step that was served', () => {
  expect(of(step())).toMatchObject({
    p99Ms: 20,
    timelineHitRate: 0.9,
    halfRateServed: 1,
    cpuMsPerRequest: { api: 0.5 },
  })
})

test.each([
  ['was not served', step({ pagesServed: 98, errors: 2, faults: { 'home 503': 2 } })],
  ['had too few of its pictures', step({ imagesServed: 98 })],
  ['was sent late', step({ lag: { ...none, p99Ms: 100 } })],
])('a half rate that %s voids its figures, and says what went wrong', (_why, half) => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const unserved = of(half)
  expect(unserved).toMatchObject({
    p50Ms: null,
    p99Ms: null,
    latency: null,
    timelineHitRate: null,
    cpuMsPerRequest: null,
  })
  expect(unserved).toMatchObject({
    errors: half.errors,
    faults: half.faults,
    generatorLag: half.lag,
    saturationRps: 200,
  })
  expect(said).toHaveBeenCalledOnce()
  said.mockRestore()
})
