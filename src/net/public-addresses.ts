import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Ranges of IPv4 that are not the public network: the IANA special-purpose registry (RFC 6890), and metadata services. */
const NOT_PUBLIC_IPV4: readonly [network: string, prefix: number][] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared by carriers (RFC 6598); 100.100.100.200 is a metadata service
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // host of Azure's virtual machines
  ['169.254.0.0', 16], // link-local; 169.254.169.254 is the metadata service of most clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
];

/** Of IPv6 only global unicast is public, so that loopback, unique local, link-local, v4-mapped and NAT64 are not. */
const GLOBAL_UNICAST = ['2000::', 3] as const;

/** Parts of global unicast that lead elsewhere. */
const NOT_PUBLIC_IPV6: readonly [network: string, prefix: number][] = [
  ['2001::', 23], // protocol assignments; Teredo, which carries IPv4 addresses, among them
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4, which carries IPv4 addresses
  ['3fff::', 20], // documentation
];

// A list of each family: a rule of one that has an embedded form in the other would match there too.
const ipv4 = blockList(NOT_PUBLIC_IPV4, 'ipv4');
const ipv6 = blockList(NOT_PUBLIC_IPV6, 'ipv6');
const globalUnicast = blockList([[...GLOBAL_UNICAST]], 'ipv6');

/** Whether the address of a network card leads into the public internet. What is no address is not public. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !ipv4.check(address, 'ipv4');
  if (!isIPv6(address) || address.includes('%')) return false;
  return globalUnicast.check(address, 'ipv6') && !ipv6.check(address, 'ipv6');
}

function blockList(ranges: readonly [network: string, prefix: number][], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}
