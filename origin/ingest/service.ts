/** The rules of ingest: every message gets an outcome of its own, and none is called done before it is durable. */
import { parseEvent, type TidelineEvent, topicOf, uuidv7 } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import { deferredWrite, type IngestRequest, type IngestResponse, ingestRequest } from '#core/origin-api.ts'
import { type EventLog, Unprocessable } from '../event-log.ts'
import type { RequestContext } from '../internal-api.ts'
import type { Logger } from '../observe/logger.ts'
import type { Metrics } from '../observe/metrics.ts'
import { continueTrace } from '../observe/traceparent.ts'
import type { DeadLetterStore } from './dead-letters.ts'
import type { DeferredHandlers } from './deferred.ts'
import { judge, type Outcome } from './judge.ts'

export interface IngestDependencies {
  log: EventLog
  /** Marks what the log has; never fails, and is not waited for longer than a second. */
  outbox: { markPublished(events: readonly TidelineEvent[]): Promise<void> }
  deferredHandlers: DeferredHandlers
  deadLetters: DeadLetterStore
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
}

export interface IngestService {
  ingest(request: IngestRequest, context: RequestContext): Promise<IngestResponse>
  /** For work that no request has asked for. */
  backgroundContext(): RequestContext
}

type Message = IngestRequest['messages'][number]

/** Deferred writes applied at once: they wait on stores, not on this process. */
const WRITES_AT_ONCE = 10
const DONE: Outcome = { outcome: 'done' }

interface IngestNeeds extends IngestDependencies {
  /** Told of each event that the log has. */
  accepted(event: TidelineEvent): void
}

export function createIngestService(dependencies: IngestDependencies): IngestService {
  const { clock, random, logger, metrics } = dependencies
  const counted = metrics.counter('ingest_messages_total', 'Messages from the edge queues by outcome', [
    'queue',
    'outcome',
  ])
  // From the start: of a series that begins with its first letter, Prometheus sees no increase.
  for (const queue of ingestRequest.shape.queue.options) counted.inc({ queue, outcome: 'dead' }, 0)
  const delay = metrics.histogram('ingest_delay_seconds', 'From the making of an event to its place in the log', [
    'topic',
  ])
  const needs: IngestNeeds = {
    ...dependencies,
    accepted: ({ type, time }) => delay.observe({ topic: topicOf(type) }, Math.max(0, clock() - time) / 1000),
  }
  return {
    async ingest(request, context) {
      const work = request.queue === 'events' ? ingestEvents : applyWrites
      const outcomes = await bury(needs, request, await work(needs, request.messages, context), context)
      for (const { outcome } of outcomes) counted.inc({ queue: request.queue, outcome })
      return { results: request.messages.map(({ id }, index) => ({ id, ...outcomes[index]! })) }
    },
    backgroundContext: () => ({
      requestId: uuidv7(clock, random),
      traceparent: continueTrace(null, random),
      logger,
    }),
  }
}

async function publish(log: EventLog, events: readonly TidelineEvent[]): Promise<Outcome[]> {
  try {
    await log.publish(events)
    return events.map(() => DONE)
  } catch (error) {
    // One event that cannot be stored must not take ninety-nine others along.
    if (events.length > 1 && judge(error).outcome === 'dead') {
      return (await Promise.all(events.map((event) => publish(log, [event])))).flat()
    }
    return events.map(() => judge(error))
  }
}

async function ingestEvents({ log, outbox, accepted }: IngestNeeds, messages: readonly Message[]): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(messages.length).fill(DONE)
  const events: { event: TidelineEvent; index: number }[] = []
  for (const [index, message] of messages.entries()) {
    try {
      events.push({ event: parseEvent(message.body), index })
    } catch (error) {
      outcomes[index] = judge(error)
    }
  }
  const published =
    events.length === 0
      ? []
      : await publish(
          log,
          events.map(({ event }) => event),
        )
  const done: TidelineEvent[] = []
  for (const [n, { event, index }] of events.entries()) {
    outcomes[index] = published[n]!
    if (published[n]!.outcome !== 'done') continue
    done.push(event)
    accepted(event)
  }
  // The log has them: an unmarked row is only published once more.
  if (done.length > 0) await outbox.markPublished(done)
  return outcomes
}

async function applyWrites(
  needs: IngestNeeds,
  messages: readonly Message[],
  context: RequestContext,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let i = 0; i < messages.length; i += WRITES_AT_ONCE) {
    const some = messages.slice(i, i + WRITES_AT_ONCE)
    outcomes.push(...(await Promise.all(some.map((message) => applyWrite(needs, message, context)))))
  }
  return outcomes
}

async function applyWrite(
  { deferredHandlers, random }: IngestNeeds,
  message: Message,
  context: RequestContext,
): Promise<Outcome> {
  try {
    const write = deferredWrite.parse(message.body)
    const handler = deferredHandlers[write.kind]
    if (!handler) throw new Unprocessable(`nobody here applies ${write.kind}`)
    const traceparent = continueTrace(write.traceparent, random)
    const own = context.logger.child({ messageId: message.id, traceparent })
    await handler(write, { ...context, traceparent, logger: own })
    return DONE
  } catch (error) {
    const outcome = judge(error)
    context.logger.warn({ err: error, messageId: message.id, outcome: outcome.outcome }, 'a deferred write failed')
    return outcome
  }
}

/** Dead letters are stored before they are called dead; while that fails they are to be tried again. */
async function bury(
  { deadLetters }: IngestNeeds,
  request: IngestRequest,
  outcomes: readonly Outcome[],
  context: RequestContext,
): Promise<readonly Outcome[]> {
  const dead = request.messages.flatMap(({ id, body, attempts }, index) => {
    const judged = outcomes[index]!
    return judged.outcome === 'dead' ? [{ id, body, attempts, reason: judged.reason }] : []
  })
  if (dead.length === 0) return outcomes
  try {
    await deadLetters.store(request.queue, dead)
    context.logger.error(
      { queue: request.queue, letters: dead.map(({ id, reason }) => ({ id, reason })) },
      'dead letters',
    )
    return outcomes
  } catch (error) {
    context.logger.warn({ err: error }, 'dead letters could not be stored')
    return outcomes.map((judged) => (judged.outcome === 'dead' ? { ...judged, outcome: 'retry' as const } : judged))
  }
}
