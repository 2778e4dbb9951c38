/** The two ways to run a server, seen from the command: Docker Compose, and processes of this machine. */
import type { Server } from './profiles.ts'

/** Says what is being done for a server, in a few words. */
export type Tell = (server: Server, text: string) => void

export interface ServerProcess {
  pid: number
  memoryBytes: number
}

export interface Way {
  /** Makes sure that the software of these servers (all of one kind) is here. */
  install(servers: readonly Server[], tell: Tell): Promise<void>
  /** Starts it without waiting for its health; answers false when it runs already. */
  start(server: Server, tell: Tell): Promise<boolean>
  /** Ends it and waits for that, its data written. SIGKILL is a crash, for tests. */
  stop(server: Server, signal?: 'SIGKILL'): Promise<string>
  /** Once none of the servers runs any more: removes what only served them. */
  finish(): Promise<void>
  process(server: Server): Promise<ServerProcess | null>
  /** What it wrote since it was started, the beginning of it. */
  firstOutput(server: Server): Promise<string>
  /** Prints the end of its log, and what follows if asked for; resolves when the person has seen enough. */
  showLog(server: Server, options: { lines: number; follow: boolean }): Promise<void>
  /** The end of its log, for a message about a start that failed. */
  lastLines(server: Server, count: number): Promise<string>
  /**
   * Gives a stopped server of Postgres the data of another, which has none afterwards. What it had before is put aside.
   * Absent: this way cannot.
   */
  moveData?(from: Server, to: Server): Promise<void>
  /** Removes the data of these servers, which are stopped. */
  wipe(servers: readonly Server[]): Promise<void>
}
