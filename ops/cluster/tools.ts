/** Programs of this machine that a launcher needs, and what to install when one is missing. */
import { spawn } from 'node:child_process'

const INSTALL: Readonly<Record<string, string>> = {
  mvn: 'Maven (on Debian: apt-get install maven)',
  java: 'Java 17 (on Debian: apt-get install openjdk-17-jre-headless)',
  python3: 'Python 3.11 or newer with pip (on Debian: apt-get install python3 python3-pip)',
  tar: 'tar',
  go: 'Go 1.26 or newer (on Debian from go.dev, or an older one from golang-go that fetches it)',
  docker: 'Docker with its compose plugin',
}

export interface ToolOptions {
  cwd?: string
  env?: Record<string, string>
  uid?: number
  gid?: number
}

/**
 * Runs a program to its end.
 * @returns all that it wrote
 * @throws Error with what to install when it is missing, or with the end of its output when it fails
 */
export async function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const { env, ...rest } = options
  const child = spawn(command, args, {
    ...rest,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const keep = (chunk: Buffer) => {
    output += chunk.toString('utf8')
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new Error(missing(command)) : error),
    )
    child.once('close', resolve)
  })
  if (code === 0) return output
  const end = output.trimEnd().split('\n').slice(-15).join('\n')
  throw new Error(`${command} ${args[0] ?? ''} failed (${code ?? 'a signal'}):\n${end}`)
}

/** The sentence for a program that is not there. */
export function missing(command: string): string {
  const name = command.split('/').at(-1) ?? command
  return `${name} is not on this machine. Install ${INSTALL[name] ?? name}.`
}

/** The major version in what `java -version` says: 17 of `openjdk version "17.0.15"`, 8 of "1.8.0_292". */
export function javaMajor(output: string): number | null {
  const found = /version "(\d+)(?:\.(\d+))?/.exec(output)
  if (!found) return null
  return Number(found[1] === '1' ? found[2] : found[1])
}

/**
 * The Java to use: JAVA_HOME's, else the PATH's.
 * @throws Error naming what to install when there is none, or one that `accepts` refuses
 */
export async function findJava(wanted: string, accepts: (major: number) => boolean): Promise<string> {
  const command = process.env.JAVA_HOME ? `${process.env.JAVA_HOME}/bin/java` : 'java'
  const major = javaMajor(await runTool(command, ['-version']))
  if (major !== null && accepts(major)) return command
  throw new Error(
    `${wanted}, and ${command} is ${major ?? 'of an unknown version'}. Install ${INSTALL.java}, or point JAVA_HOME at one.`,
  )
}
