/**
 * Since when a Postgres primary acknowledges without its standby: a note in the primary's folder. It stands from before the
 * first such commit until a standby has everything again, so that a promotion between the two knows what it would lose.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from './profiles.ts'
import { type Cluster, homeOf } from './state.ts'

type Place = Pick<Cluster, 'folder' | 'profile'>

const noteOf = (cluster: Place, primary: Server) => join(homeOf(cluster, primary), 'alone-since')

/** Keeps the earlier instant when there is one. */
export function noteAlone(cluster: Place, primary: Server, nowMs: number): void {
  const file = noteOf(cluster, primary)
  if (existsSync(file)) return
  mkdirSync(homeOf(cluster, primary), { recursive: true })
  writeFileSync(`${file}.tmp`, String(nowMs))
  renameSync(`${file}.tmp`, file)
}

/** Unix milliseconds; null: a standby has all that the primary has acknowledged. */
export function aloneSince(cluster: Place, primary: Server): number | null {
  const file = noteOf(cluster, primary)
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null
}

export function forgetAlone(cluster: Place, primary: Server): void {
  rmSync(noteOf(cluster, primary), { force: true })
}
