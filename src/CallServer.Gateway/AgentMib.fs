namespace CallServer.Gateway

open CallServer.Wire

/// The objects that every agent serves besides its vendor's MIB: system (SNMPv2-MIB), snmpEngine (SNMP-FRAMEWORK-MIB) and
/// usmStats.
module internal AgentMib =
    let private usmStats: Scalar list =
        UsmReport.all
        |> Array.mapi (fun place report ->
            { Name = UsmReport.oid report; Read = fun sight -> Counter32 sight.UsmStats[place] })
        |> Array.toList

    let scalars (name: string) (mib: Mib) (maxMessage: int) : Scalar list =
        [ Cell.scalar "1.3.6.1.2.1.1.1" (fun _ -> Cell.text mib.Description)
          Cell.scalar "1.3.6.1.2.1.1.2" (fun _ -> ObjectIdentifier mib.ObjectId)
          Cell.scalar "1.3.6.1.2.1.1.3" (fun sight -> TimeTicks(AgentClock.ticks sight.Now sight.Clock))
          Cell.scalar "1.3.6.1.2.1.1.5" (fun _ -> Cell.text name)
          Cell.scalar "1.3.6.1.6.3.10.2.1.1" (fun sight -> OctetString sight.EngineId)
          Cell.scalar "1.3.6.1.6.3.10.2.1.2" (fun sight -> Cell.int sight.Clock.Boots)
          Cell.scalar "1.3.6.1.6.3.10.2.1.3" (fun sight ->
              Cell.int (AgentClock.engineTime sight.Now sight.Clock))
          Cell.scalar "1.3.6.1.6.3.10.2.1.4" (fun _ -> Cell.int maxMessage) ]
        @ usmStats
