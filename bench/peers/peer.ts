/** What the feed bench needs of another open-source project that serves home timelines, to be measured beside ours. */
import type { Graph } from '../feed/graph.ts'
import type { LoadRequest } from '../load.ts'

/** The people and posts of the feed bench, as the peer is given them. */
export interface SamePeople {
  graph: Graph
  /** postedAtMs[i]: the instants of person i's posts. */
  postedAtMs: readonly (readonly number[])[]
  /** What every post holds. */
  post: SamePost
}

export interface SamePost {
  caption: string
  /** Each stands in the caption, too. */
  hashtags: readonly string[]
  image: { alt: string; width: number; height: number }
}

export interface Peer {
  url: string
  /** The first page of each reader who has a whole one. */
  readers: LoadRequest[]
  /** Everything that takes part in an answer, by name; each stands for the processes below it, too. */
  pids: Record<string, number>
  /** How many posts an answer's body holds. */
  itemsIn(body: string): number
  stop(): Promise<void>
}

export interface PeerOptions {
  people: SamePeople
  /** Posts a page. */
  page: number
  /** An empty folder, removed by the caller in the end. */
  directory: string
  say(text: string): void
}

export interface PeerKind {
  /** For somebody who has to do by hand what `start` could not. */
  install: string
  /** Installs what is missing, fills it and starts it. @throws Error with a sentence; nothing is left running then */
  start(options: PeerOptions): Promise<Peer>
}
