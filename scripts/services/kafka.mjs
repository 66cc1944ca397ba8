import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { freePort } from './free-port.mjs'
import { livingBrokers } from './kafka-answer.mjs'
import { kafkaJars } from './kafka-jars.mjs'
import { furtherListeners, scramAccounts } from './kafka-listeners.mjs'
import { startPrivateService } from './private-service.mjs'
import { requireProgram } from './programs.mjs'

/**
 * A private Kafka, broker and controller in one; `properties` are further lines of its server.properties, `listeners`
 * further listeners (kafka-listeners.mjs) whose ports are in `ports` by name, `accounts` names and passwords for SCRAM.
 */
export async function start({ folder, port, properties = {}, listeners = [], accounts = {}, say } = {}) {
  const jars = path.join(await kafkaJars({ say }), '*')
  const java = requireProgram('java')
  const controllerPort = await freePort()
  port ??= await freePort()
  const addresses = [`PLAINTEXT://127.0.0.1:${port}`, `CONTROLLER://127.0.0.1:${controllerPort}`]
  const further = await furtherListeners(listeners, ...addresses)
  const service = await startPrivateService('kafka', {
    folder,
    port,
    files: further.files,
    prepare: async ({ folder, run, write }) => {
      const settings = { ...serverProperties({ folder, controllerPort }), ...further.properties(folder), ...properties }
      const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
      write('server.properties', lines.join(''))
      write('log4j2.properties', LOGGING)
      const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'k') // "-…" would be read as an option
      const config = path.join(folder, 'server.properties')
      const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', config, ...scramAccounts(accounts)]
      await run(java, '-cp', jars, logging(folder), ...format)
    },
    program: ({ folder }) => [
      java,
      '-Xmx512m',
      '-cp',
      jars,
      logging(folder),
      'kafka.Kafka',
      path.join(folder, 'server.properties'),
    ],
    answers: livingBrokers,
  })
  service.brokers = `127.0.0.1:${service.port}`
  service.ports = further.ports
  return service
}

function serverProperties({ folder, controllerPort }) {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': path.join(folder, 'data'),
    'auto.create.topics.enable': false,
    // One broker cannot keep three replicas, and no test wants to wait for a second member of its group.
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
  }
}

function logging(folder) {
  return `-Dlog4j2.configurationFile=${path.join(folder, 'log4j2.properties')}`
}

// Standard output is the log file already.
const LOGGING = `rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
`
