/** What the event log takes: any text, events up to their limit, every topic. */
import { expect, it } from 'vitest'
import { type EventsOf, makeEvent, type TidelineEvent, type Topic } from '#core/events.ts'
import { Unprocessable } from '../../origin/event-log.ts'
import { LOG_TOPICS, TOPIC_SETTINGS } from '../../origin/log/topics.ts'
import { ids, liked, onEveryLog, range, until } from './event-log-harness.ts'

const KEYS = [
  '日本語',
  'ключ',
  '🦀🌊',
  'e\u0301',
  'é',
  'a b',
  '"quoted"',
  '\\',
  "it's",
  '%s $1',
  '\u2028',
  '👩‍👩‍👧',
  'x'.repeat(200),
]

/** An event of so many bytes as JSON. */
function sized(bytes: number): TidelineEvent<'post.created'> {
  const make = (tag: string) =>
    makeEvent(
      {
        type: 'post.created',
        key: 'k',
        actor: null,
        id: 'a post of many tags',
        data: { postId: '1', userId: '2', version: 1, awaitsMedia: false, hashtags: [tag] },
      },
      () => 1_800_000_000_000,
      Math.random,
    )
  return make('ä'.repeat(3) + 'x'.repeat(bytes - Buffer.byteLength(JSON.stringify(make('äää')))))
}

onEveryLog('what the event log takes', ({ open, follow }) => {
  it('carries keys and texts of any script, in order', async () => {
    const log = open()
    const { seen } = follow(log, 'a')
    await log.publish(KEYS.flatMap((key) => [liked(key, 0), liked(key, 1)]))
    await until(() => seen.length).toBe(KEYS.length * 2)
    for (const key of KEYS) {
      expect(seen.filter(({ event }) => event.key === key).map(({ event }) => event.data.at)).toEqual([0, 1])
    }
  })

  it('takes an event at the limit, also as a dead letter, and many large ones at once', async () => {
    const log = open({ topics: ['post.created'] })
    const event = sized(TOPIC_SETTINGS.maxEventBytes)
    expect(Buffer.byteLength(JSON.stringify(event))).toBe(TOPIC_SETTINGS.maxEventBytes)
    const handled: number[] = []
    log.subscribe({
      group: 'a',
      topics: ['post.created'],
      async handle({ data }) {
        if ('postId' in data && handled.push(data.hashtags[0]!.length) === 1) throw new Unprocessable('r'.repeat(600))
      },
    })
    await log.publish([event])
    await until(async () => (await log.deadLetters('post.created')).length).toBe(1)
    const [letter] = await log.deadLetters('post.created')
    expect(letter?.event).toEqual(event)
    expect(await log.replayDeadLetters('post.created')).toBe(1)
    await until(() => handled.length).toBe(2)
    await log.publish(range(12).map(() => sized(300_000)))
    await until(() => handled.length).toBe(14)
  })

  it('refuses a larger event with its size, and appends nothing of that call', async () => {
    const log = open({ topics: ['post.created'] })
    const { seen, consumer } = follow(log, 'a')
    const small = liked('k', 0)
    const publishing = log.publish([small, sized(TOPIC_SETTINGS.maxEventBytes + 1)])
    await expect(publishing).rejects.toThrow(Unprocessable)
    await expect(publishing).rejects.toThrow('has 1000001 bytes; the log takes 1000000')
    const next = liked('k', 1)
    await log.publish([next])
    await until(() => ids(seen)).toEqual([next.id])
    await until(() => consumer.lag()).toBe(0)
  })

  it('keeps every topic apart, and gives a group of several its own', async () => {
    const topics = LOG_TOPICS.filter((topic) => topic !== 'post.liked' && topic !== 'user.changed')
    const log = open({ topics })
    const found: Topic[] = []
    for (const topic of topics) {
      log.subscribe({
        group: `reads ${topic}`.replace(' ', '-'),
        topics: [topic],
        handle: async (_, at) => void found.push(at.topic),
      })
    }
    const both: string[] = []
    const consumer = log.subscribe({
      group: 'both',
      topics: ['post.liked', 'user.changed'],
      handle: async ({ type }) => void both.push(type),
    })
    const changed = makeEvent(
      { type: 'user.changed', key: '1', actor: null, data: { userId: '1', version: 1 } },
      Date.now,
      Math.random,
    )
    await log.publish([changed, liked('k', 0), ...range(3).map((n) => follower(String(n)))])
    await until(() => both.toSorted()).toEqual(['post.liked', 'user.changed'])
    await until(() => found).toEqual(['follow.changed', 'follow.changed', 'follow.changed'])
    await until(() => consumer.lag()).toBe(0)
  })
})

function follower(key: string): TidelineEvent<EventsOf<'follow.changed'>> {
  const data = { followerId: '1', followeeId: '2', state: 'active' as const, version: 1 }
  return makeEvent({ type: 'follow.changed', key, actor: null, data }, Date.now, Math.random)
}
