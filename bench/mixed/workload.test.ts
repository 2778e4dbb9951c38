import { expect, test } from 'vitest'
import { seededRandom } from '../random.ts'
import { parseReads, ratesBetween } from './hits.ts'
import { allPosts, PEOPLE, PICTURES, peopleIds, pictureKey, population, postsEach } from './population.ts'
import { findSaturation } from './saturation.ts'
import {
  KINDS,
  MIX,
  NEW_PICTURES,
  newPictures,
  picturesOf,
  RETURNING,
  readersOfTheHourBefore,
  returning,
  schedule,
} from './workload.ts'
import { zipf } from './zipf.ts'

const NOW = Date.UTC(2026, 5, 1)

test('a step has the same arrivals each time, and another step has others', () => {
  expect(schedule(3, 50, 10)).toEqual(schedule(3, 50, 10))
  expect(schedule(4, 50, 10)).not.toEqual(schedule(3, 50, 10))
})

test('arrivals come at the offered rate, in order, with the gaps of a Poisson process', () => {
  const arrivals = schedule(1, 500, 60)
  expect(arrivals.length / 60).toBeGreaterThan(485)
  expect(arrivals.length / 60).toBeLessThan(515)
  const gaps = arrivals.slice(1).map(({ atMs }, i) => atMs - (arrivals[i]?.atMs ?? 0))
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0)
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
  // Exponential gaps deviate as much as they are long.
  expect(deviation / mean).toBeCloseTo(1, 1)
})

test('six of ten read their feed, three somebody’s posts, one posts', () => {
  const arrivals = schedule(1, 1_000, 60)
  for (const kind of KINDS) {
    const share = arrivals.filter((arrival) => arrival.kind === kind).length / arrivals.length
    expect(share).toBeCloseTo(MIX[kind], 1)
  }
})

test('a few people come often, most rarely', () => {
  const counts = new Map<number, number>()
  const arrivals = schedule(1, 1_000, 100)
  for (const { person } of arrivals) counts.set(person, (counts.get(person) ?? 0) + 1)
  const sorted = [...counts.values()].sort((a, b) => b - a)
  expect((sorted[0] ?? 0) / arrivals.length).toBeGreaterThan(0.01)
  expect(counts.size).toBeGreaterThan(20_000)
})

test('who has been away, what is new and who came before are the same each time, in their shares', () => {
  expect(returning().length / PEOPLE).toBeCloseTo(RETURNING, 2)
  expect(returning()).toEqual(returning())
  expect(newPictures().length / PICTURES).toBeCloseTo(NEW_PICTURES, 1)
  expect(newPictures().length).toBeGreaterThan(0)
  const before = readersOfTheHourBefore()
  expect(before).toEqual(readersOfTheHourBefore())
  // Most have come, but not all.
  expect(before.size / PEOPLE).toBeGreaterThan(0.5)
  expect(before.size / PEOPLE).toBeLessThan(0.95)
})

test('the probabilities are those of Zipf’s law', () => {
  const draw = zipf(1_000, 1, seededRandom(1))
  const counts = new Float64Array(1_000)
  for (let i = 0; i < 200_000; i++) {
    const k = draw()
    counts[k] = (counts[k] ?? 0) + 1
  }
  expect((counts[0] ?? 0) / (counts[9] ?? 1)).toBeCloseTo(10, -0.5)
})

test('the population is the same each time: nobody follows oneself, a few authors are celebrities', () => {
  const people = population(NOW)
  expect(people.ids).toEqual(peopleIds(NOW))
  expect(new Set(people.ids).size).toBe(PEOPLE)
  expect(people.follows.slice(0, 1_000).every((followed, i) => !followed.includes(i))).toBe(true)
  const celebrities = people.followers.filter((count) => count >= 10_000).length
  expect(celebrities).toBeGreaterThan(0)
  expect(celebrities).toBeLessThan(20)
  expect(population(NOW).follows[77]).toEqual(people.follows[77])
})

test('every post has an id of its own', () => {
  const posts = allPosts({ ids: peopleIds(NOW).slice(0, 2_000) }, NOW)
  const ids = posts.flat().map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(posts[0]).toHaveLength(postsEach(0))
})

test('a feed’s first screen shows four photos in the device’s size and their authors’ portraits', () => {
  const item = (n: number) =>
    `{"author":{"avatar":"/img/thumb/${pictureKey(n % 3)}"},"media":[{"urls":{"small":"/img/small/${pictureKey(n)}","medium":"/img/medium/${pictureKey(n)}","large":"/img/large/${pictureKey(n)}"}}]}`
  const body = `{"items":[${[5, 6, 7, 8, 9, 10, 11].map(item).join(',')}]}`
  const phone = picturesOf('home', body, 1)
  expect(phone.filter((path) => path.startsWith('/img/medium/'))).toHaveLength(4)
  // The fourth author is the first one again.
  expect(phone.filter((path) => path.startsWith('/img/thumb/'))).toHaveLength(3)
  expect(picturesOf('home', body, 9).filter((path) => path.startsWith('/img/large/'))).toHaveLength(4)
  expect(picturesOf('user', body, 1).filter((path) => path.startsWith('/img/small/'))).toHaveLength(6)
  expect(picturesOf('user', body, 1)).toHaveLength(7)
  expect(picturesOf('compose', body, 1)).toEqual([])
})

test('saturation is doubled towards, then bisected, and the best step kept', async () => {
  const search = await findSaturation(
    50,
    20,
    async (rate) => rate,
    (rate) => rate <= 470,
  )
  expect(search.best?.rate).toBe(450)
  expect(search.steps.map(({ rate }) => rate)).toEqual([50, 100, 200, 400, 800, 600, 500, 450])
})

test('the search ends after so many steps, and where nothing is served', async () => {
  const all = await findSaturation(
    50,
    3,
    async (rate) => rate,
    () => true,
  )
  expect(all.steps).toHaveLength(3)
  expect(all.best?.rate).toBe(200)
  const none = await findSaturation(
    4,
    20,
    async (rate) => rate,
    () => false,
  )
  expect(none.best).toBeNull()
})

test('rates are hits over hits and misses of what came between two readings', () => {
  const line = (layer: string, outcome: string, count: number) =>
    `tideline_edge_reads_total{layer="${layer}",outcome="${outcome}"} ${count}`
  const before = parseReads([line('post', 'hit', 10), line('post', 'miss', 90)].join('\n'))
  const after = parseReads([line('post', 'hit', 40), line('post', 'miss', 100), '# HELP'].join('\n'))
  expect(ratesBetween(before, after)).toEqual({ post: 0.75, timeline: null, isolate: null, picture: null })
})
