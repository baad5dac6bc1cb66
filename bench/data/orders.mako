<%inherit file="base.mako"/>
<%namespace name="base" file="base.mako"/>
<%def name="title()">Orders of ${user.name|h}</%def>
<%def name="table(order)">
    <table>
    % for line in order.lines:
        <tr class="${loop.cycle('odd', 'even')}">
            <td>${loop.index + 1}</td><td>${line.text|h}</td><td>${line.count}</td>
            <td>${base.money(line.price)}</td><td>${base.money(line.price * line.count)}</td>
        </tr>
        % if line.count > 5:
        <tr><td colspan="5">A discount of ${line.count}&nbsp;% was given.</td></tr>
        % endif
    % endfor
    </table>
</%def>
% for order in orders:
<%base:panel title="Order ${str(order.number)}">
    <dl>
        ${base.field("Customer", order.customer)}
        ${base.field("Street", order.street)}
        ${base.field("Note", order.note)}
        ${base.field("State", "shipped" if order.shipped else "open")}
    </dl>
    ${table(order)}
<%
    total = sum(line.price * line.count for line in order.lines)
%>
    <p>Total: ${base.money(total)}, ${"paid" if order.paid else "to be paid until %s" % order.due|h}</p>
</%base:panel>
% endfor
