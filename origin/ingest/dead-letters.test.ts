import { describe, expect, it } from 'vitest'
import { changed, useIngestStage } from '../../test/contract/ingest-stage.ts'
import { Unprocessable } from '../event-log.ts'
import { createMetrics } from '../observe/metrics.ts'
import { lettersWaiting } from './index.ts'

const stage = useIngestStage()

describe('dead letters', () => {
  const letter = (id: string, body: unknown, reason = 'retries exhausted') => ({ id, attempts: 100, reason, body })

  it('are kept once, and replayed by command', async () => {
    const event = changed('1')
    const letters = [letter('a', event), letter('b', 'poison', 'not a message we know')]
    for (let round = 0; round < 2; round++) {
      expect(await stage.call('dead-letters', { queue: 'events', letters })).toEqual({ stored: 2 })
    }
    expect((await stage.rows('SELECT 1 FROM dead_letters')).length).toBe(2)
    expect(await stage.call('dead-letters/replay', { queue: 'events' })).toEqual({ replayed: 1, left: 1 })
    expect(await stage.inLog()).toEqual([event.id])
    expect(await stage.call('dead-letters/replay', { queue: 'events' })).toEqual({ replayed: 0, left: 1 })
  })

  it('are counted while they wait', async () => {
    const metrics = createMetrics()
    const look = lettersWaiting(stage.database, metrics)
    const waiting = async () => {
      await look()
      return (await metrics.expose()).body.match(/^tideline_dead_letters.*$/gm)
    }
    const counts = (events: number) => [
      `tideline_dead_letters{queue="events"} ${events}`,
      'tideline_dead_letters{queue="deferred-writes"} 0',
      'tideline_dead_letters{queue="outbox"} 0',
    ]
    expect(await waiting()).toEqual(counts(0))
    await stage.call('dead-letters', {
      queue: 'events',
      letters: [letter('a', changed('1')), letter('b', 'poison', 'a bug')],
    })
    expect(await waiting()).toEqual(counts(2))
    await stage.call('dead-letters/replay', { queue: 'events' })
    expect(await waiting()).toEqual(counts(1))
  })

  it('are replayed by themselves when only an outage killed them', async () => {
    const event = changed('1')
    const letters = [letter('a', event), letter('b', changed('2'), 'a bug')]
    await stage.call('dead-letters', { queue: 'events', letters })
    stage.away.log = true
    expect(await stage.ingest.recover()).toBe(0)
    stage.away.log = false
    expect(await stage.ingest.recover()).toBe(1)
    expect(await stage.ingest.recover()).toBe(0)
    expect(await stage.inLog()).toEqual([event.id])
  })

  it('of the log are replayed by topic', async () => {
    let broken = true
    const seen: string[] = []
    const consumer = stage.log.subscribe({
      group: 'g',
      topics: ['user.changed'],
      async handle(event) {
        if (broken) throw new Unprocessable('no')
        seen.push(event.id)
      },
    })
    const event = changed('1')
    await stage.log.publish([event])
    await expect.poll(() => stage.log.deadLetters('user.changed').then((letters) => letters.length)).toBe(1)
    broken = false
    expect(await stage.call('dead-letters/replay', { topic: 'user.changed', group: 'g' })).toEqual({
      replayed: 1,
      left: 0,
    })
    await expect.poll(() => seen).toEqual([event.id])
    await consumer.stop()
  })
})
