/** Which server of a running cluster a fault is about, and how it dies and comes back. */
import { Admin } from '@platformatic/kafka'
import { Redis } from 'ioredis'
import { bringDown, bringUp } from '../../../ops/cluster/lifecycle.ts'
import type { Server } from '../../../ops/cluster/profiles.ts'
import { promote } from '../../../ops/cluster/promote.ts'
import type { Cluster } from '../../../ops/cluster/state.ts'
import type { Kind } from '../../../ops/cluster/versions.ts'
import type { Way } from '../../../ops/cluster/way.ts'
import { until } from '../../e2e/until.ts'
import type { Victim } from './victim.ts'

export interface Servers {
  /** The only one of its kind, or the first, which of two databases is the directory. */
  first(kind: Kind): Victim
  named(name: string): Victim
  /** A primary whose standby takes its place, rather than that it comes back. */
  succeeded(name: string): Victim
  /** The broker that leads the first partition of a topic when it is killed. */
  leaderOf(topic: string): Victim
  /** The node of Valkey that is master of the first slot when it is killed. Of a cluster, its replica takes over meanwhile. */
  masterOfFirstSlot(): Victim
}

export function serversOf(cluster: Cluster, way: Way): Servers {
  const victim = (name: string, find: () => Server | Promise<Server>, afterKill = async (_: Server) => {}): Victim => {
    let dead: Server | null = null
    return {
      name,
      async kill() {
        dead = await find()
        await bringDown(way, [dead], () => {}, 'SIGKILL')
        await afterKill(dead)
      },
      async restart() {
        if (dead !== null) await bringUp(cluster, way, [dead], () => {})
      },
    }
  }
  const of = (kind: Kind) => cluster.servers.filter((server) => server.kind === kind)
  const known = (server: Server | undefined, what: string): Server => {
    if (server === undefined) throw new Error(`this profile has no ${what}`)
    return server
  }
  const named = (name: string) =>
    known(
      cluster.servers.find((server) => server.name === name),
      name,
    )
  const byName = (name: string) => victim(name, () => named(name))
  return {
    first: (kind) => victim(kind, () => known(of(kind)[0], kind)),
    named: byName,
    succeeded: (name) => ({
      ...byName(name),
      restart: () => promote(cluster, way, named(name), () => {}),
    }),
    leaderOf: (topic) =>
      victim(`the leader of ${topic}`, async () => {
        const port = await leaderPort(of('kafka'), topic)
        return known(
          of('kafka').find((server) => server.port === port),
          `broker on ${port}`,
        )
      }),
    masterOfFirstSlot: () =>
      victim(
        'the master of the first slot',
        async () => known(await masterOf(of('valkey')), 'master'),
        async (dead) => {
          const others = of('valkey').filter(({ name }) => name !== dead.name)
          if (others.length > 0) await until('its replica takes over', () => masterOf(others), { everyMs: 250 })
        },
      ),
  }
}

async function leaderPort(brokers: readonly Server[], topic: string): Promise<number | undefined> {
  const bootstrapBrokers = brokers.map(({ port }) => `127.0.0.1:${port}`)
  const admin = new Admin({ clientId: 'faults', bootstrapBrokers })
  try {
    const { topics, brokers: known } = await admin.metadata({ topics: [topic] })
    const leader = topics.get(topic)?.partitions[0]?.leader
    return leader === undefined ? undefined : known.get(leader)?.port
  } finally {
    await admin.close()
  }
}

/** Who of them says that it is a master and owns slot 0; a node that runs by itself owns all. */
async function masterOf(servers: readonly Server[]): Promise<Server | undefined> {
  for (const server of servers) if (await ownsFirstSlot(server).catch(() => false)) return server
  return undefined
}

async function ownsFirstSlot({ port, inner }: Server): Promise<boolean> {
  const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => {})
  try {
    await client.connect()
    const role = /^role:(\w+)/m.exec(await client.info('replication'))?.[1]
    if (role !== 'master') return false
    const nodes = await client.cluster('NODES').catch(() => null)
    if (nodes === null || inner.bus === undefined) return true
    const own = String(nodes)
      .split('\n')
      .find((line) => line.includes('myself'))
    return own !== undefined && / 0-\d+( |$)/.test(own)
  } finally {
    client.disconnect()
  }
}
