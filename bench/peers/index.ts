/** `npm run bench -- feed --peer NAME`: another project's home timelines beside ours, on the same machine and data. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figures } from '../bench.ts'
import { cpuDuring } from '../cpu.ts'
import { type LoadRequest, load } from '../load.ts'
import { seededRandom } from '../random.ts'
import { bsky } from './bsky/index.ts'
import type { Peer, PeerKind, PeerOptions } from './peer.ts'

const PEERS: Readonly<Record<string, PeerKind>> = { bsky }

/** Two cores are busy with so many: a page takes tens of milliseconds of both. */
const CONNECTIONS = 4
/** A page takes it tens of milliseconds: enough of them for its code to be compiled, and for a mean. */
const WARM_UP_SECONDS = 10
const SECONDS = 15

/** @throws Error naming the peers that there are */
export function peerNamed(name: string): PeerKind {
  const peer = PEERS[name]
  if (peer === undefined) throw new Error(`There is no peer "${name}". There are: ${Object.keys(PEERS).join(', ')}.`)
  return peer
}

/** What one of its pages costs the peer; every figure is null where it cannot be had. */
interface PeerFigures extends Figures {
  peerCpuMsPerRequest: number | null
  peerCpuByProcess: Record<string, number> | null
  peerRps: number | null
  peerP50Ms: number | null
  peerP99Ms: number | null
  peerPageBytes: number | null
  /** Answers that were not 200 or not a whole page; anything but 0 voids the other figures. */
  peerFailures: number | null
}

/** The peer's figures, with how many times what a page of ours costs, post cache warm and off, it spends on one of its. */
export async function comparePeer(
  kind: PeerKind,
  options: Omit<PeerOptions, 'directory'>,
  ours: { cpuMsPerRequest: number | null; coldCpuMsPerRequest: number | null },
): Promise<Figures> {
  const peer = await measurePeer(kind, options)
  const { peerCpuMsPerRequest: theirs } = peer
  const times = (cpuMs: number | null) =>
    theirs === null || cpuMs === null ? null : Number((theirs / cpuMs).toFixed(1))
  return { ...peer, ratio: times(ours.cpuMsPerRequest), coldRatio: times(ours.coldCpuMsPerRequest) }
}

/** Starts the peer, warms it, measures it and ends it. What keeps it from that is said on stderr, with how to install it. */
async function measurePeer(kind: PeerKind, options: Omit<PeerOptions, 'directory'>): Promise<PeerFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-peer-'))
  let peer: Peer | undefined
  try {
    peer = await kind.start({ ...options, directory })
    return await figuresOf(peer, options)
  } catch (error) {
    console.error(`The peer was not measured: ${error instanceof Error ? error.message : error}`)
    console.error(`What it needs: ${kind.install}.`)
    return NOT_MEASURED
  } finally {
    await peer?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

const NOT_MEASURED: PeerFigures = {
  ...{ peerCpuMsPerRequest: null, peerCpuByProcess: null, peerRps: null, peerP50Ms: null, peerP99Ms: null },
  ...{ peerPageBytes: null, peerFailures: null },
}

async function figuresOf(peer: Peer, { page, say }: Pick<PeerOptions, 'page' | 'say'>): Promise<PeerFigures> {
  if (peer.readers.length === 0) throw new Error(`nobody has a page of ${page} there`)
  const random = seededRandom(13)
  const pick = (): LoadRequest => peer.readers[Math.floor(random() * peer.readers.length)] ?? { path: '/' }
  const asked = { connections: CONNECTIONS, isRight: (body: string) => peer.itemsIn(body) === page }
  await load(peer.url, pick, WARM_UP_SECONDS, asked)
  const { result, cpu } = await cpuDuring(peer.pids, () => load(peer.url, pick, SECONDS, asked))
  if (result.failures > 0) {
    console.error(`The peer's figures are void: ${result.failures} of ${result.requests} pages were not whole.`)
    return { ...NOT_MEASURED, peerFailures: result.failures }
  }
  const each = (ms: number) => Number((ms / result.requests).toFixed(2))
  const figures = {
    peerCpuMsPerRequest: each(Object.values(cpu).reduce((sum, ms) => sum + ms, 0)),
    peerCpuByProcess: Object.fromEntries(Object.entries(cpu).map(([name, ms]) => [name, each(ms)])),
    peerRps: Number(result.rps.toFixed(1)),
    ...{ peerP50Ms: result.p50Ms, peerP99Ms: result.p99Ms },
    peerPageBytes: result.bytes,
    peerFailures: result.failures,
  }
  say(`the peer: ${figures.peerRps} a second, ${figures.peerCpuMsPerRequest} ms of CPU each`)
  return figures
}
