import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'

/**
 * The files of a database that has just been created, as a tar.
 *
 * Creating one (initdb) takes seconds, unpacking one a few tenths; tests do it many times. The tar is kept under
 * node_modules/.cache, where installing another PGlite version changes its name; without write access there it is made
 * anew each time.
 */
export async function freshDatabase(): Promise<Blob> {
  const folder = new URL('../../../node_modules/.cache/tideline/', import.meta.url)
  const path = new URL(`pglite-${pgliteVersion()}.tar`, folder)
  try {
    return new Blob([await readFile(path)])
  } catch {
    // Not there yet: make it.
  }
  const db = await PGlite.create()
  const tar = await db.dumpDataDir('none')
  await db.close()
  try {
    const unfinished = new URL(`${randomUUID()}.unfinished`, folder)
    await mkdir(folder, { recursive: true })
    await writeFile(unfinished, Buffer.from(await tar.arrayBuffer()))
    await rename(unfinished, path)
  } catch {
    // A cache that cannot be written costs time, nothing else.
  }
  return tar
}

function pgliteVersion(): string {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'))
  const { version } = JSON.parse(readFileSync(fileURLToPath(manifest), 'utf8')) as { version: string }
  return version
}
