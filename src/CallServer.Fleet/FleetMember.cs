namespace CallServer.Fleet;

/// <summary>A host of the fleet, as the membership names it: one start of one process.</summary>
/// <param name="Address">The IP address at which the other hosts reach it.</param>
/// <param name="Port">The TCP port there.</param>
/// <param name="Generation">Tells this start from others at the same address and port; a later start has a higher one.</param>
public readonly record struct FleetMember(string Address, int Port, int Generation);
