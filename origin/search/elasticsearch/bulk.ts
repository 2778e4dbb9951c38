/** Sends many documents in one request and judges each item of the answer by itself. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client, estypes } from '@elastic/elasticsearch'
import type { Random } from '#core/ids.ts'
import { Unprocessable } from '../../event-log.ts'
import { asking, away, isAwayStatus, Moved, OPTIONS } from './connection.ts'

/** What became of one operation or document: null, or why it failed. */
export type Outcome = Error | null

/** One operation: its action line and what follows it. */
export type Operation = readonly [action: estypes.BulkOperationContainer, body: object]

/** An item that the cluster was too busy for is sent again this often, each time after twice the pause. */
const TRIES = 4
const FIRST_PAUSE_MS = 100

/**
 * Answers an outcome for each operation, in their order. A conflict of versions is no failure.
 * @throws Problem 503 when the request as a whole met an outage
 */
export async function sendBulk(client: Client, operations: readonly Operation[], random: Random): Promise<Outcome[]> {
  const outcomes: Outcome[] = operations.map(() => null)
  let open = operations.map((_, i) => i)
  for (let tries = 1; open.length > 0; tries++) {
    const sent = open.flatMap((i) => [...(operations[i] ?? [])])
    const { items } = await asking(() => client.bulk({ operations: sent }, OPTIONS.write))
    for (const [at, i] of open.entries()) {
      const item = items[at]
      outcomes[i] = item?.update ? outcomeOf(item.update, false) : outcomeOf(item?.index, true)
    }
    open = open.filter((i) => outcomes[i] instanceof Busy)
    if (tries === TRIES) break
    if (open.length > 0) await delay(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + random()))
  }
  return outcomes.map((outcome) => (outcome instanceof Busy ? away(outcome) : outcome))
}

class Busy extends Error {}

/**
 * @param item the answer to one operation
 * @param isGuarded whether it carried a version: then a conflict says that what stands there is as new or newer. An update has
 * none, it has only been overtaken, and is not done.
 */
function outcomeOf(item: estypes.BulkResponseItem | undefined, isGuarded: boolean): Outcome {
  if (item === undefined) return new Busy('Elasticsearch did not say what became of a document')
  const { status, error } = item
  if (status < 300 || (isGuarded && status === 409)) return null
  const reason = `${error?.type ?? status}: ${error?.reason ?? 'no reason given'}`
  if (isAwayStatus(status) || status === 409) return new Busy(reason)
  if (status === 404) return new Moved(reason)
  // What the mapping does not take, it will not take tomorrow.
  return status === 400 || status === 413 ? new Unprocessable(reason) : new Error(reason)
}
