/** A Redis Cluster for tests: three masters, each with a replica, of the redis-server or valkey-server on the PATH. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { keySlot, SLOTS } from '#core/redis-slots.ts'
import { freePort } from '../embedded/free-port.ts'
import { untilListening } from './test-engines.ts'

const MASTERS = 3
const HOST = '127.0.0.1'

export interface ClusterNode {
  readonly port: number
  /** Where nodes speak to one another. */
  readonly bus: number
  /** A connection past all clients under test. */
  readonly client: Redis
  kill(): Promise<void>
}

export interface RunningCluster {
  /** All six, as REDIS_URL has them. */
  readonly url: string
  readonly nodes: readonly ClusterNode[]
  /** The master that owns a slot by now, as the nodes that live say. */
  ownerOf(slot: number): Promise<ClusterNode>
  /** Begins to move a key's slot to another master, which is answered. Keys stay where they are until `moveKeys`. */
  beginMove(key: string): Promise<SlotMove>
  close(): Promise<void>
}

export interface SlotMove {
  /** Moves keys, or all that the slot has. */
  moveKeys(keys?: readonly string[]): Promise<void>
  /** Hands the slot over. All its keys must have been moved. */
  finish(): Promise<void>
}

export async function startRedisCluster(command: string): Promise<RunningCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-cluster-'))
  const nodes: ClusterNode[] = []
  const close = async () => {
    await Promise.all(nodes.map((node) => node.kill()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (let i = 0; i < 2 * MASTERS; i++) nodes.push(await startNode(command, folder))
    await form(nodes)
  } catch (error) {
    await close()
    throw error
  }
  const ownerOf = (slot: number) => ownerAmong(nodes, slot)
  return {
    url: nodes.map(({ port }) => `redis://${HOST}:${port}`).join(','),
    nodes,
    ownerOf,
    async beginMove(key) {
      const from = await ownerOf(keySlot(key))
      const masters = await Promise.all([0, SLOTS / 2, SLOTS - 1].map(ownerOf))
      return beginMove(nodes, keySlot(key), from, masters.find((node) => node !== from)!)
    },
    close,
  }
}

async function startNode(command: string, folder: string): Promise<ClusterNode> {
  const [port, bus] = [await freePort(), await freePort()]
  const settings = {
    port,
    bind: HOST,
    'cluster-enabled': 'yes',
    'cluster-config-file': join(folder, `${port}.conf`),
    'cluster-port': bus,
    'cluster-node-timeout': 1_000,
    // A replica that has never heard from its master for long would not stand for election.
    'cluster-replica-validity-factor': 0,
    'cluster-require-full-coverage': 'no',
    'repl-diskless-sync-delay': 0,
    // A replica is listed once its offset has moved, which the first ping does: after ten seconds by default.
    'repl-ping-replica-period': 1,
    save: '',
    appendonly: 'no',
    dir: folder,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const server: ChildProcess = spawn(command, flags, { stdio: 'ignore' })
  await untilListening(port)
  const client = new Redis({ host: HOST, port, protocol: 2, retryStrategy: null, maxRetriesPerRequest: 0 })
  client.on('error', () => undefined)
  return {
    port,
    bus,
    client,
    async kill() {
      client.disconnect()
      if (server.exitCode !== null || server.signalCode !== null) return
      server.kill('SIGKILL')
      await once(server, 'exit')
    },
  }
}

async function form(nodes: readonly ClusterNode[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS)
  for (const [i, { client }] of masters.entries()) {
    const first = Math.floor((i * SLOTS) / MASTERS)
    const last = Math.floor(((i + 1) * SLOTS) / MASTERS) - 1
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))
    await client.call('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last))
  }
  // Everyone meets everyone: by hearsay alone it would take seconds.
  for (const [i, { client }] of nodes.entries()) {
    for (const { port, bus } of nodes.slice(i + 1))
      await client.call('CLUSTER', 'MEET', HOST, String(port), String(bus))
  }
  await until(async () =>
    (await everyInfo(nodes, 'cluster_known_nodes')).every((count) => count === String(nodes.length)),
  )
  for (const [i, { client }] of nodes.slice(MASTERS).entries()) {
    const id = String(await masters[i]!.client.call('CLUSTER', 'MYID'))
    await until(async () => (await client.call('CLUSTER', 'REPLICATE', id).catch(() => '')) === 'OK')
  }
  await until(async () => {
    const states = await everyInfo(nodes, 'cluster_state')
    const shards = await Promise.all(nodes.map(({ client }) => client.call('CLUSTER', 'SLOTS')))
    const links = await Promise.all(nodes.slice(MASTERS).map(({ client }) => client.info('replication')))
    const isWhole = shards.every(
      (ranges) => Array.isArray(ranges) && ranges.length === MASTERS && ranges.every((range) => range.length === 4),
    )
    return (
      states.every((state) => state === 'ok') &&
      isWhole &&
      links.every((info) => info.includes('master_link_status:up'))
    )
  })
}

async function everyInfo(nodes: readonly ClusterNode[], field: string): Promise<(string | undefined)[]> {
  const infos = await Promise.all(nodes.map(({ client }) => client.call('CLUSTER', 'INFO')))
  return infos.map((info) => new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(String(info))?.[1])
}

async function ownerAmong(nodes: readonly ClusterNode[], slot: number): Promise<ClusterNode> {
  for (const { client } of nodes) {
    const ranges = await client.call('CLUSTER', 'SLOTS').catch(() => [])
    const range = (ranges as [number, number, [string, number]][]).find(([from, to]) => from <= slot && slot <= to)
    const owner = nodes.find(({ port }) => port === range?.[2][1])
    if (owner?.client.status === 'ready') return owner
  }
  throw new Error(`nobody owns slot ${slot}`)
}

async function beginMove(
  nodes: readonly ClusterNode[],
  slot: number,
  from: ClusterNode,
  to: ClusterNode,
): Promise<SlotMove> {
  const idOf = async ({ client }: ClusterNode) => String(await client.call('CLUSTER', 'MYID'))
  const [fromId, toId] = [await idOf(from), await idOf(to)]
  await to.client.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', fromId)
  await from.client.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', toId)
  return {
    async moveKeys(keys) {
      const all = keys ?? ((await from.client.call('CLUSTER', 'GETKEYSINSLOT', String(slot), '10000')) as string[])
      if (all.length === 0) return
      await from.client.call('MIGRATE', HOST, String(to.port), '', '0', '5000', 'KEYS', ...all)
    },
    async finish() {
      for (const { client } of [to, from]) await client.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', toId)
      // The others hear of it from the new owner; a map read from one that has not would be old again.
      await until(async () => {
        const owners = await Promise.all(
          nodes.filter(({ client }) => client.status === 'ready').map((node) => ownerAmong([node, ...nodes], slot)),
        )
        return owners.every((owner) => owner === to)
      })
    },
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (await holds()) return
    await delay(20)
  }
  throw new Error('the cluster did not come together within 20 s')
}
