/** Drains the edge queues into the origin's ingest. It knows no event: what a message means is judged where it is applied. */
import type { IngestQueue } from '#core/origin-api.ts'
import { buryBatch, type DrainOptions, drain } from './drain.ts'
import { originClient } from './origin.ts'

/** A deployment may append its environment's name: events-staging, events-dead-staging. */
const QUEUE = /^(events|deferred-writes)(-dead)?(?:-[a-z0-9-]+)?$/

export default {
  async queue(batch, env) {
    const options: DrainOptions = {
      origin: originClient(env.ORIGIN_URL, env.SERVICE_TOKEN),
      random: Math.random,
      log: (line) => console.log(JSON.stringify(line)),
    }
    const queue = QUEUE.exec(batch.queue)
    // A queue that is bound but not known: failing keeps its messages.
    if (queue === null) throw new Error(`no consumer for the queue ${batch.queue}`)
    const name = queue[1] as IngestQueue
    return queue[2] === undefined ? drain(name, batch, options) : buryBatch(name, batch, options)
  },
} satisfies ExportedHandler<FanoutConsumerEnv>
