    machine.communicate.sudo(
      "/sbin/ifdown eth#{network[:interface]} 2> /dev/null", error_check: false)
    machine.communicate.sudo("/sbin/ifdown eth#{interface} 2> /dev/null", :error_check => false)
