      comm.sudo("/sbin/ifdown eth#{interface} 2> /dev/null")
