/** Drains the edge queues into the origin's ingest. It knows no event: what a message means is judged where it is applied. */
import { buryBatch, type DrainOptions, drain } from './drain.ts'
import { originClient } from './origin.ts'

export default {
  async queue(batch, env) {
    const options: DrainOptions = {
      origin: originClient(env.ORIGIN_URL, env.SERVICE_TOKEN),
      random: Math.random,
      log: (line) => console.log(JSON.stringify(line)),
    }
    switch (batch.queue) {
      case 'events':
      case 'deferred-writes':
        return drain(batch.queue, batch, options)
      case 'events-dead':
        return buryBatch('events', batch, options)
      case 'deferred-writes-dead':
        return buryBatch('deferred-writes', batch, options)
      default:
        // A queue that is bound but not known: failing keeps its messages.
        throw new Error(`no consumer for the queue ${batch.queue}`)
    }
  },
} satisfies ExportedHandler<FanoutConsumerEnv>
