/** What the native way has to know of each kind of server. */
import type { Launch } from '../cluster/process.ts'
import type { Server } from '../cluster/profiles.ts'
import type { Cluster } from '../cluster/state.ts'

/** Where one server of a cluster is put. */
export interface Site {
  readonly server: Server
  readonly cluster: Cluster
  /** The installed software. */
  readonly software: string
  /** The server's own folder; exists. */
  readonly home: string
}

export interface NativeEngine {
  /** Where it comes from and how much that is, for the person who waits. */
  readonly source: string
  /** Name of its folder among the downloads: changes whenever what is installed does. */
  readonly folder: string
  /** Installs into an empty folder, which may be renamed afterwards. @throws Error with a sentence */
  install(into: string): Promise<void>
  /** Writes the configuration, prepares an empty data folder, and answers what to start. */
  launch(site: Site): Promise<Launch>
  /** The signal that asks it to finish; SIGTERM when left out. */
  readonly stopSignal?: NodeJS.Signals
}
