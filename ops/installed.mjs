/**
 * Preloaded by `npm start`: a package that is not installed (after `git pull` there may be new ones) is named in a sentence, before an
 * import fails with a stack. Plain JavaScript: without `npm ci` the Node on the PATH may be one that cannot read TypeScript.
 */
import { existsSync, readFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)
const { dependencies, devDependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const missing = Object.keys({ ...dependencies, ...devDependencies }).filter(
  (name) => !existsSync(new URL(`node_modules/${name}/package.json`, root)),
)
if (missing.length > 0) {
  const some =
    missing.length > 3 ? `${missing.length} packages are` : `${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'}`
  process.stderr.write(`Tideline did not start: ${some} not installed. Run npm ci first.\n`)
  process.exit(1)
}
