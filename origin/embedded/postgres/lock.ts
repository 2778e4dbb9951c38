import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Another live process has the database open. */
export class DataDirInUseError extends Error {
  override name = 'DataDirInUseError'
}

/**
 * Takes a data folder for this process. Two engines over the same files destroy them, and the engine's own pid file
 * always says 42.
 *
 * The lock is a file `<dataDir>.lock` beside the folder with the process id and, on Linux, its start time, so that the
 * lock of a killed process is taken over even when its id has been given out again.
 *
 * @returns a function that gives the folder back
 * @throws {DataDirInUseError} when its owner lives
 */
export function lockDataDir(dataDir: string): () => void {
  const path = `${dataDir}.lock`
  mkdirSync(dirname(path), { recursive: true })
  const mine = `${process.pid} ${startTime(process.pid)}\n`
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, mine, { flag: 'wx' })
      break
    } catch (error) {
      if (attempt > 0 || !isCode(error, 'EEXIST')) throw error
      const owner = readFileSync(path, 'utf8')
      if (isAlive(owner)) throw new DataDirInUseError(`${dataDir} is in use by process ${owner.split(' ')[0]}`)
      rmSync(path, { force: true })
    }
  }
  return () => rmSync(path, { force: true })
}

function isAlive(owner: string): boolean {
  const [pid = '', started = ''] = owner.trim().split(' ')
  if (!/^\d+$/.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return isCode(error, 'EPERM')
  }
  return startTime(Number(pid)) === started
}

/** Clock ticks since boot at which the process began, '-' where /proc does not tell. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field, the name, may hold spaces: count from its closing bracket. State is field 3, start time 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '-')
  } catch {
    return '-'
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
