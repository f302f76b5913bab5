#!/usr/bin/env escript
%% A media gateway made of Erlang's megaco: its transactions, codecs and transport. This script only knows what its contexts are.
%%
%%   gateway.escript ADDRESS VERSION pretty|compact CONTEXTS PDU
%%
%% It speaks this version. Context K, of CONTEXTS, has two terminations, and began 10 K seconds before the start. With PDU > 0, replies in version 3 with more octets
%% than that are divided into segments. Prints `ready PORT CONTROL MILLISECONDS` (since 1970). Datagrams to the port CONTROL are `end K`, which ends
%% a context, and `slow`, which lets all further transactions take their time; each is answered `done`.
-mode(compile).
-export([handle_connect/2, handle_connect/3, handle_disconnect/3, handle_syntax_error/3, handle_message_error/3,
         handle_trans_request/3, handle_trans_long_request/3, handle_trans_reply/4, handle_trans_ack/4,
         handle_unexpected_trans/3, handle_trans_request_abort/4, handle_segment_reply/5]).

-define(ALL, 16#FFFFFFFF).

main([Address, Version, Encoding, Contexts, Pdu]) ->
    {ok, Ip} = inet:parse_address(Address),
    ets:new(state, [named_table, public]),
    Now = erlang:system_time(millisecond),
    ets:insert(state, {began, Now}),
    ets:insert(state, {slow, false}),
    [ets:insert(state, {{context, K}, Now - 10000 * K}) || K <- lists:seq(1, list_to_integer(Contexts))],
    ok = megaco:start(),
    Mid = {domainName, {'DomainName', "gw.example.net", asn1_NOVALUE}},
    Module = case Encoding of
                 "pretty" -> megaco_pretty_text_encoder;
                 "compact" -> megaco_compact_text_encoder
             end,
    Segments = case list_to_integer(Pdu) of
                   0 -> [];
                   Size -> [{segment_send, infinity}, {max_pdu_size, Size}]
               end,
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {user_args, []}, {protocol_version, list_to_integer(Version)},
                                 {reply_timer, 5000}, {pending_timer, 1000} | Segments]),
    Receive0 = megaco:user_info(Mid, receive_handle),
    Receive1 = setelement(3, Receive0, Module),
    Receive = setelement(4, Receive1, []),
    {ok, Supervisor} = megaco_udp:start_transport(),
    {ok, Handle, _} = open(Supervisor, setelement(5, Receive, megaco_udp), Ip),
    {ok, Port} = inet:port(megaco_udp:socket(Handle)),
    {ok, Control} = gen_udp:open(0, [binary, {ip, Ip}, {active, false}]),
    {ok, ControlPort} = inet:port(Control),
    io:format("ready ~p ~p ~p~n", [Port, ControlPort, Now]),
    listen(Control).

open(Supervisor, Receive, Ip) ->
    megaco_udp:open(Supervisor, [{port, 0}, {udp_options, [{ip, Ip}]}, {receive_handle, Receive}]).

listen(Control) ->
    {ok, {Address, Port, Octets}} = gen_udp:recv(Control, 0),
    case string:tokens(binary_to_list(Octets), " ") of
        ["end", K] -> ets:delete(state, {context, list_to_integer(K)});
        ["slow"] -> ets:insert(state, {slow, true})
    end,
    ok = gen_udp:send(Control, Address, Port, <<"done">>),
    listen(Control).

%% What megaco asks of its user.

handle_connect(_, _) -> ok.
handle_connect(_, _, _) -> ok.
handle_disconnect(_, _, _) -> ok.
handle_syntax_error(_, _, _) -> reply.
handle_message_error(_, _, _) -> no_reply.
handle_trans_reply(_, _, _, _) -> ok.
handle_trans_ack(_, _, _, _) -> ok.
handle_unexpected_trans(_, _, _) -> ok.
handle_trans_request_abort(_, _, _, _) -> ok.
handle_segment_reply(_, _, _, _, _) -> ok.

handle_trans_request(_, Version, Actions) ->
    case ets:lookup(state, slow) of
        [{slow, true}] -> {pending, {Version, Actions}};
        _ -> {discard_ack, answer(Version, Actions)}
    end.

handle_trans_long_request(_, _, {Version, Actions}) ->
    timer:sleep(700),
    %% The reply wants to be acknowledged.
    {{handle_ack, slow}, answer(Version, Actions)}.

answer(Version, Actions) -> lists:flatmap(fun(Action) -> action(Version, Action) end, Actions).

action(Version, Action) ->
    Context = element(2, Action),
    Commands = element(5, Action),
    {auditValueRequest, Audit} = element(2, hd(Commands)),
    Wanted = case element(3, Audit) of
                 asn1_NOVALUE -> [];
                 Descriptor -> element(2, Descriptor)
             end,
    Id = element(3, element(2, Audit)),
    Name = string:to_lower(string:join([lists:flatten(Part) || Part <- Id], "/")),
    Asked = case Context of
                ?ALL -> lists:sort([K || {{context, K}, _} <- ets:tab2list(state)]);
                K -> [K || ets:member(state, {context, K})]
            end,
    case Asked of
        [] -> [failed(Context, 411)];
        _ -> [context(Version, K, Name, Wanted) || K <- Asked]
    end.

failed(Context, Code) -> {'ActionReply', Context, {'ErrorDescriptor', Code, "no"}, asn1_NOVALUE, []}.

context(_, K, "root", _) -> {'ActionReply', K, asn1_NOVALUE, asn1_NOVALUE, [told(["root"], [])]};
context(Version, K, Name, Wanted) ->
    All = [{circuit(K), circuit}, {rtp(K), rtp}],
    Some = [One || {Id, _} = One <- All, Name =:= "*" orelse Name =:= string:join(Id, "/")],
    case Some of
        [] -> failed(K, 435);
        _ ->
            {'ActionReply', K, asn1_NOVALUE, asn1_NOVALUE,
             [told(Id, descriptors(Version, K, Kind, Wanted)) || {Id, Kind} <- Some]}
    end.

circuit(K) -> ["ds", "ds1-1", integer_to_list(K)].
rtp(K) -> ["rtp", integer_to_list(10000 + K)].

told(Id, Descriptors) ->
    {auditValueReply, {auditResult, {'AuditResult', {megaco_term_id, false, Id}, Descriptors}}}.

descriptors(Version, K, Kind, Wanted) ->
    case lists:member(mediaToken, Wanted) of
        true -> [{mediaDescriptor, media(Version, K, Kind)}];
        false -> []
    end ++
    case lists:member(statsToken, Wanted) of
        true -> [{statisticsDescriptor, statistics(K, Kind)}];
        false -> []
    end.

statistics(K, Kind) ->
    [{{context, K}, Since}] = ets:lookup(state, {context, K}),
    Age = integer_to_list(erlang:system_time(millisecond) - Since),
    [{'StatisticsParameter', "nt/dur", [Age]}, {'StatisticsParameter', "nt/os", ["80000"]}] ++
    case Kind of
        rtp -> [{'StatisticsParameter', "rtp/pl", ["0.5"]}, {'StatisticsParameter', "rtp/jit", ["7"]}];
        circuit -> []
    end.

media(Version, K, Kind) ->
    State = {'TerminationStateDescriptor', [], asn1_NOVALUE, inSvc},
    {Local, Remote} = case Kind of
                          rtp -> {session("192.0.2.1", 16384 + 2 * K), session("192.0.2.9", 20000 + 2 * K)};
                          circuit -> {asn1_NOVALUE, asn1_NOVALUE}
                      end,
    Control = {'LocalControlDescriptor', sendRecv, asn1_NOVALUE, asn1_NOVALUE, []},
    Parms = case Version of
                3 -> {'StreamParms', Control, Local, Remote, asn1_NOVALUE};
                _ -> {'StreamParms', Control, Local, Remote}
            end,
    {'MediaDescriptor', State, {multiStream, [{'StreamDescriptor', 1, Parms}]}}.

session(Host, Port) ->
    {'LocalRemoteDescriptor',
     [[line("v", "0"), line("o", "- 1 1 IN IP4 " ++ Host), line("s", "-"), line("c", "IN IP4 " ++ Host), line("t", "0 0"),
       line("m", "audio " ++ integer_to_list(Port) ++ " RTP/AVP 18"), line("a", "fmtp:18 annexb=no;x={\\}")]]}.

line(Name, Value) -> {'PropertyParm', Name, [Value], asn1_NOVALUE}.
