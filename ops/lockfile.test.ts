import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

interface Locked {
  version?: string
  resolved?: string
  optionalDependencies?: Record<string, string>
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> }

/** Where Node would find a dependency of the package at `path`: beside it, or in any folder above. */
function locked(path: string, name: string): Locked | undefined {
  for (let folder = path; ; folder = folder.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    const found = packages[`${folder}${folder === '' ? '' : '/'}node_modules/${name}`]
    if (found !== undefined || folder === '') return found
  }
}

it('locks the binaries of every platform, or npm ci refuses the lock file', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name, version]) => {
        const found = locked(path, name)
        return found === undefined || (/^\d/.test(version) && found.version !== version)
      })
      .map(([name]) => `${path} needs ${name}`),
  )
  expect(missing).toEqual([])
})

it('names no registry', () => {
  expect(Object.values(packages).filter((entry) => entry.resolved?.startsWith('http'))).toEqual([])
})
