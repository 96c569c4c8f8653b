// An S3 server: keys of the bucket `shows` are below the directory that is the first argument. The second is the port;
// 0 takes a free one, and the port is said in a line. It ends with its standard input.
import S3rver from 's3rver'

const [directory, port] = process.argv.slice(2)
const server = new S3rver({
  address: '127.0.0.1',
  port: Number(port),
  directory,
  silent: true,
  configureBuckets: [{ name: 'shows' }],
})
const { port: bound } = await server.run()
console.log(bound)
process.stdin.on('end', () => process.exit(0)).resume()
